// What a person's terminal shows. Every sentence goes through here: text of a model, an image or a server must not control the terminal.
import { printableLines } from '../pipeline/contract/printable.ts';
import { LABELS_ADDRESS } from '../pipeline/contract/protocol.ts';

const LABELS_COMMAND = '`npx tilesight models labels`';

/** Results, on standard output. */
export function print(text: string): void {
  process.stdout.write(printableLines(text));
}

/** Everything else, on standard error. */
export function report(text: string): void {
  process.stderr.write(printableLines(text));
}

/** A note of an analysis, as a line. What only an MCP client can open has the name of the command that shows the same. */
export function noteLine(note: string): string {
  const ofCommand = note.replaceAll(`listed at ${LABELS_ADDRESS}`, `listed by ${LABELS_COMMAND}`);
  return `Note: ${ofCommand.replaceAll(LABELS_ADDRESS, LABELS_COMMAND)}\n`;
}
