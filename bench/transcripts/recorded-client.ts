// A real MCP client that keeps what it sent, what it got, and what both cost an agent in tokens.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { tokensIn } from '../../mcp-server/executions/token-budget.ts';

/** As Claude counts images. */
const PIXELS_PER_TOKEN = 750;
const SHOWN_CHARACTERS_MAX = 300;

export interface RecordedImage {
  bytes: Buffer;
  width: number;
  height: number;
}

export interface RecordedAnswer {
  words: string;
  structured: unknown;
  images: RecordedImage[];
}

export interface RecordedCall {
  tool: string;
  arguments: Record<string, unknown>;
  answer: RecordedAnswer;
  /** For arguments and words. */
  textTokens: number;
  imageTokens: number;
  seconds: number;
}

export interface RecordedClient {
  /** Throws the words of a refusal. */
  call(tool: string, args: Record<string, unknown>): Promise<RecordedAnswer>;
  calls: readonly RecordedCall[];
  /** What the list of tools and the instructions cost, once in each conversation. */
  listTokens: number;
  close(): Promise<void>;
}

export async function recordedClient(server: string): Promise<RecordedClient> {
  const client = new Client({ name: 'transcript', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server)));
  const { tools } = await client.listTools();
  const instructions = client.getInstructions();
  if (instructions === undefined) throw new Error('The server has no instructions.');
  const calls: RecordedCall[] = [];
  return {
    calls,
    listTokens: tokensIn(JSON.stringify(tools) + instructions),
    async call(tool, args) {
      const started = performance.now();
      const { content, isError, structuredContent } = await client.callTool({ name: tool, arguments: args });
      const seconds = (performance.now() - started) / 1_000;
      const words = content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
      if (isError) throw new Error(words);
      const images = await Promise.all(
        content.flatMap((part) => (part.type === 'image' ? [imageIn(Buffer.from(part.data, 'base64'))] : [])),
      );
      const answer = { words, images, structured: structuredContent };
      calls.push({
        tool,
        arguments: args,
        answer,
        textTokens: tokensIn(JSON.stringify(args) + words),
        imageTokens: images.reduce((sum, { width, height }) => sum + Math.ceil((width * height) / PIXELS_PER_TOKEN), 0),
        seconds,
      });
      return answer;
    },
    close: () => client.close(),
  };
}

async function imageIn(bytes: Buffer): Promise<RecordedImage> {
  const { width, height } = await sharp(bytes).metadata();
  return { bytes, width, height };
}

/** The calls as a numbered list in Markdown, with their costs. `hidden` stands in the way of a reader, such as a temporary folder. */
export function transcriptOf(calls: readonly RecordedCall[], hidden: string): string {
  const rows = calls.map(({ tool, arguments: args, answer, textTokens, imageTokens, seconds }, index) => {
    const images = answer.images.map(({ width, height }) => `image of ${width} x ${height}`).join(', ');
    const words = answer.words.replaceAll('\n', ' ');
    const shown = words.length > SHOWN_CHARACTERS_MAX ? `${words.slice(0, SHOWN_CHARACTERS_MAX)} …` : words;
    return (
      `${index + 1}. \`${tool} ${JSON.stringify(args).replaceAll(hidden, '')}\`\n` +
      `   → ${images === '' ? '' : `${images}; `}${shown}\n` +
      `   (${textTokens} tokens of text, ${imageTokens} of images, ${seconds.toFixed(1)} s)`
    );
  });
  return rows.join('\n');
}
