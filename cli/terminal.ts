// What a person's terminal shows. Every sentence goes through here: text of a model, an image or a server must not control the terminal.
import { printableLines } from '../pipeline/contract/printable.ts';

/** Results, on standard output. */
export function print(text: string): void {
  process.stdout.write(printableLines(text));
}

/** Everything else, on standard error. */
export function report(text: string): void {
  process.stderr.write(printableLines(text));
}
