// The lines that a client writes to standard input: a message passes on as it is, anything else is refused by itself, and what follows
// is read. Must not know the server.
import { pipeline, type Readable, Transform } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { BODY_TOO_LARGE, MCP_BODY_BYTES_MAX } from '../../mcp-server/access/http-limits.ts';

const NEWLINE = 10;
/** An id stands at the beginning or at the end of what official clients write. */
const ENDS_BYTES = 512;
const ID = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)`;
const ID_FIRST = new RegExp(String.raw`^\s*\{(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?\s*${ID}`);
const ID_LAST = new RegExp(String.raw`${ID}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`);

const NO_MESSAGE =
  'The request is not one of MCP. It needs jsonrpc "2.0", a method, and params as an object; a progressToken is a string or an integer.';
const NO_JSON = 'A line on standard input is not a JSON-RPC message, and was ignored. MCP clients write one message a line.';

export interface Refusal {
  /** `null` if the line has no id that can be read. */
  id: string | number | null;
  sentence: string;
}

const isMessage = (value: unknown): boolean =>
  isJSONRPCRequest(value) || isJSONRPCNotification(value) || isJSONRPCResultResponse(value) || isJSONRPCErrorResponse(value);

const WithId = z.object({ id: z.union([z.string(), z.number().int()]), method: z.unknown() });

/** Ends with `input`. To destroy it destroys `input`, too. */
export function messageLines(input: Readable, onRefused: (refusal: Refusal) => void): Readable {
  let parts: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MCP_BODY_BYTES_MAX) parts.push(part);
    else parts = endsOf(Buffer.concat([...parts, part]));
  };
  const line = (): Buffer | null => {
    const whole = Buffer.concat(parts);
    const refusal = bytes > MCP_BODY_BYTES_MAX ? { id: idIn(parts), sentence: BODY_TOO_LARGE } : refusalOf(whole.toString());
    parts = [];
    bytes = 0;
    if (refusal) onRefused(refusal);
    return refusal || whole.length === 0 ? null : Buffer.concat([whole, Buffer.of(NEWLINE)]);
  };
  const lines = new Transform({
    transform(chunk: Buffer, _, done) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        keep(chunk.subarray(start, end));
        const message = line();
        if (message) this.push(message);
        start = end + 1;
      }
      keep(chunk.subarray(start));
      done();
    },
  });
  pipeline(input, lines, () => {}); // an error of the input destroys the lines, too
  return lines;
}

/** What is held of a line that is too long: its first and last bytes. */
function endsOf(line: Buffer): Buffer[] {
  if (line.length <= 2 * ENDS_BYTES) return [line];
  return [Buffer.from(line.subarray(0, ENDS_BYTES)), Buffer.from(line.subarray(-ENDS_BYTES))];
}

function idIn(parts: readonly Buffer[]): string | number | null {
  const text = Buffer.concat(parts).toString();
  const found = (ID_FIRST.exec(text) ?? ID_LAST.exec(text))?.[1];
  return found === undefined ? null : z.union([z.string(), z.number().int()]).parse(JSON.parse(found));
}

function refusalOf(text: string): Refusal | null {
  if (text.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { id: null, sentence: NO_JSON };
  }
  if (isMessage(value)) return null;
  const id = WithId.safeParse(value).data?.id ?? null;
  return { id, sentence: id === null ? NO_JSON : NO_MESSAGE };
}
