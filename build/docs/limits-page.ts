// Writes docs/limits.md from the constants, or with --check fails when it is stale: `node build/docs/limits-page.ts [--check]`.
import { TIMES_MS } from '../../mcp-server/executions/looks.ts';
import { BOXES_MAX, PIXELS_MAX } from '../../mcp-server/tools/view-region.ts';
import { readConfig, sizeLimits } from '../../pipeline/config.ts';
import {
  LOOKS_DEFAULT,
  LOOKS_MAX,
  QUESTION_CHARACTERS_MAX,
  QUESTION_TOKENS_MAX,
  REPLY_SECONDS_MAX,
} from '../../pipeline/contract/questions/question.ts';
import { PAGES_MAX } from '../../pipeline/imaging/decoder-limits.ts';
import { HEADER_SECONDS_MAX } from '../../pipeline/imaging/decoding/header-reader.ts';
import { DECODER_BYTES_PER_PIXEL } from '../../pipeline/imaging/formats.ts';
import { RENDERED_AT_ONCE, WAITING_MAX } from '../../pipeline/imaging/views/stored-view.ts';
import { TILES_MAX } from '../../pipeline/planning/plan.ts';
import { TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/planning/tile-size.ts';
import { IDLE_TURNS_MAX } from '../../pipeline/searching/next-move.ts';
import { table, writeOrCheck } from './generated-page.ts';

const count = (number: number) => number.toLocaleString('en');
const megabytes = (bytes: number) => `${count(bytes / 1_000_000)} MB`;

function page(): string {
  const { pixelsMax, fileBytesMax, workingBytesMax, decodeSecondsMax, scratchBytesMax } = sizeLimits(readConfig({})).image;
  const general = [
    ['limit', 'setting', 'default', 'sum'],
    ['pixels', '`PIXELS_MAX`', count(pixelsMax), `${count(Math.floor(Math.sqrt(pixelsMax)))} squared`],
    ['bytes of the file', '`FILE_BYTES_MAX`', megabytes(fileBytesMax), `${count(pixelsMax)} pixels x 3 bytes, nothing packed`],
    ['memory of a decoder', '`WORKING_BYTES_MAX`', megabytes(workingBytesMax), 'half of a 3 GB process; see below'],
    [
      'memory of tile rows',
      '`WORKING_BYTES_MAX`',
      megabytes(workingBytesMax),
      '2 x width x tile x 3 bytes; a smaller `tile_size` needs less',
    ],
    [
      'seconds of a decode',
      '`DECODE_SECONDS_MAX`',
      count(decodeSecondsMax),
      '2 gigapixels of PNG take 34 s of one core, nearly 9 times that',
    ],
    [
      'seconds of reading a header',
      '',
      count(HEADER_SECONDS_MAX),
      '5,000 pages take 2 s; a separate process, killed if it takes longer',
    ],
    [
      'temporary disk',
      '`SCRATCH_BYTES_MAX`',
      megabytes(scratchBytesMax),
      'an image, its bands if they are decoded one by one, and its pyramid: 1 byte a pixel, all levels, overlap',
    ],
    ['frames or pages', '', count(PAGES_MAX), '200 s at 25 a second; one of them is analyzed, `page`'],
    [
      'tiles',
      '`TILES_MAX`',
      count(TILES_MAX),
      'a hundred gigapixels in tiles of 1,000 px; distributed over executions: scale.md',
    ],
    ['tile edge', '', `${TILE_EDGE_MIN_PX} to ${count(TILE_EDGE_MAX_PX)} px`, 'models scale down larger tiles'],
  ];
  const questions = [
    ['limit', 'argument', 'most', 'sum'],
    ['looks', '`max_looks`', count(LOOKS_MAX), `${LOOKS_DEFAULT} by default; a crop, a detection or a reading each`],
    ['cost', '`max_cost_usd`, `COST_USD_MAX`', 'unlimited', 'no further call once it is spent'],
    ['tokens', '', count(QUESTION_TOKENS_MAX), 'input and output of all calls; the only limit on a model without a known price'],
    ['turns in a row without a new look', '', count(IDLE_TURNS_MAX), 'after them the model must answer'],
    [
      'wait for a reply',
      '`may_ask`',
      `${count(REPLY_SECONDS_MAX / 3_600)} h`,
      'then the search continues without one; no process waits',
    ],
    ['characters', '`question`', count(QUESTION_CHARACTERS_MAX), 'about 500 tokens, in every call'],
  ];
  const views = [
    ['limit', 'argument', 'most', 'sum'],
    ['pixels', '`max_px`', count(PIXELS_MAX), 'as noise 2.7 MB of an answer of 6 MB'],
    ['boxes', '`boxes`', count(BOXES_MAX), 'some 280 px each in the default size'],
    ['seconds until tiles are cut beside the decoder', '', count(TIMES_MS.decoding / 1_000), 'see ADR 018'],
    ['seconds until a call is to be sent again', '', count(TIMES_MS.answer / 1_000), 'clients give up after 30 s'],
    ['views that are rendered at once', '', count(RENDERED_AT_ONCE), 'a process has 4 threads for them; up to 50 MB each'],
    ['views that wait', '', count(WAITING_MAX), '0.1 to 0.5 s each on 2 cores; a further one is refused'],
  ];
  const held = Object.entries(DECODER_BYTES_PER_PIXEL).map(([kind, bytes]) => [
    kind,
    count(bytes),
    count(Math.floor(workingBytesMax / bytes)),
  ]);
  const turned = ['any, rotated by its orientation tag', '3 more', count(Math.floor(workingBytesMax / 3))];
  return `# Limits

Written by \`npm run docs\` from the constants in pipeline/imaging/{decoder-limits,formats}.ts, pipeline/planning/{plan,tile-size}.ts, pipeline/contract/questions/question.ts, pipeline/imaging/views/stored-view.ts, mcp-server/{executions/looks,tools/view-region}.ts and pipeline/config.ts. Those of an image, except the duration, are checked from the file's header, before any pixel is decoded. Settings are environment variables.

${table(general)}

## Questions

A question (\`ask_image\`) ends once one of these is reached:

${table(questions)}

## Views

A view (\`view_region\`) has these limits:

${table(views)}

## Formats that are decoded as a whole

Baseline JPEG, PNG and TIFF are streamed: their limit is the number of pixels. The formats below are decoded as a whole, so their limit is memory. Bytes per pixel were measured on 80 megapixels with 8 bits per sample and without alpha; those of gray, 4:2:2 and CMYK progressive JPEG were computed from the coefficients. 16 bits and alpha cost more if the image is rotated or interlaced. A JPEG in several scans counts as progressive.

${table([['format', 'bytes a pixel', 'pixels at most'], ...held, turned])}
`;
}

writeOrCheck('limits.md', page());
