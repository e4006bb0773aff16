// Eyes of a script: they find red and blue squares in an image by its pixels, behind whatever asks them. And a script that works as an
// agent: it takes tiles, looks, and reports.
import sharp from 'sharp';
import { reportTiles } from '../../mcp-server/tools/report-tiles.ts';
import type { TestClient, ToolResult } from './mcp-clients.ts';
import { textOf } from './mcp-clients.ts';
import { type ChatRequest, completion, type OpenaiReply } from './openai-server.ts';

export interface Square {
  label: 'red' | 'blue';
  left: number;
  top: number;
}

export const EDGE_PX = 40;
const GROUND = 128;
/** JPEG blurs edges by a few pixels. */
const DIFFERENCE_MIN = 60;

/** A noisy gray image, whose right edge from `plainFrom` on has a single color: blank tiles. */
export async function drawSquares(file: string, width: number, height: number, squares: readonly Square[], plainFrom = width) {
  const pixels = Buffer.alloc(width * height * 3, GROUND);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < plainFrom; x++)
      pixels.fill(GROUND - 8 + ((x * 7 + y * 13) % 17), (y * width + x) * 3, (y * width + x) * 3 + 3);
  }
  for (const { label, left, top } of squares) {
    const color = label === 'red' ? [230, 30, 30] : [30, 30, 230];
    for (let y = top; y < top + EDGE_PX; y++) {
      for (let x = left; x < left + EDGE_PX; x++) pixels.set(color, (y * width + x) * 3);
    }
  }
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file);
}

export interface Seen {
  label: string;
  left: number;
  top: number;
  right: number;
  bottom: number;
  score: number;
  severity: 'info';
  description: string;
  text: string;
}

/** Squares do not touch: each run of colored pixels that is not a part of an earlier box begins one. */
export async function look(bytes: Uint8Array): Promise<Seen[]> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const colorAt = (x: number, y: number) => {
    const at = (y * info.width + x) * info.channels;
    const [red = 0, blue = 0] = [data[at], data[at + 2]];
    if (red - blue > DIFFERENCE_MIN) return 'red';
    return blue - red > DIFFERENCE_MIN ? 'blue' : null;
  };
  const found: Seen[] = [];
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      const label = colorAt(x, y);
      if (label === null || found.some((box) => x >= box.left - 3 && x < box.right + 3 && y >= box.top - 3 && y < box.bottom + 3))
        continue;
      let [right, bottom] = [x, y];
      while (right < info.width && colorAt(right, y) === label) right++;
      while (bottom < info.height && colorAt(x, bottom) === label) bottom++;
      if (right - x < 4 || bottom - y < 4) continue;
      found.push({
        label,
        left: x,
        top: y,
        right,
        bottom,
        score: 0.9,
        severity: 'info',
        description: `a ${label} square`,
        text: '',
      });
    }
  }
  return found;
}

/** The same eyes behind a chat API. */
export async function lookAsServer({ body }: ChatRequest): Promise<OpenaiReply> {
  const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const url = parts.find(({ image_url }) => image_url)?.image_url?.url ?? '';
  const detections = await look(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
  return completion({ content: JSON.stringify({ detections }) });
}

export interface Handed {
  id: string;
  image: Uint8Array;
}

export function tilesIn({ content }: ToolResult): Handed[] {
  return content.flatMap((part, index) => {
    const before = content[index - 1];
    if (part.type !== 'image' || before?.type !== 'text') return [];
    const id = /^Tile (\S+), \d+ x \d+ pixels:/.exec(before.text)?.[1];
    return id === undefined ? [] : [{ id, image: Buffer.from(part.data, 'base64') }];
  });
}

/** The body of one agent: takes tiles and reports them until none is left. Returns how many it reported. */
export async function workAsAgent(client: TestClient, execution_id: string, count = 8): Promise<number> {
  for (let reported = 0; ; ) {
    const answer = await client.callTool('next_tiles', { execution_id, count });
    if (answer.isError) throw new Error(textOf(answer));
    const tiles = tilesIn(answer);
    if (tiles.length === 0) return reported;
    const reports = await Promise.all(tiles.map(async ({ id, image }) => ({ tile: id, detections: await look(image) })));
    const { accepted } = await client.call('report_tiles', { execution_id, reports }, reportTiles.output);
    reported += accepted;
  }
}
