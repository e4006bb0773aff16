// `tilesight export`: converts the findings of an execution in the local data folder. Needs no stored export and no server.
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readConfig } from '../pipeline/config.ts';
import { at } from '../pipeline/contract/at.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { ExecutionId } from '../pipeline/contract/schemas.ts';
import { documents, readDocument, type StoredDocument } from '../pipeline/documents.ts';
import type { ExportSource } from '../pipeline/findings/exports/export-source.ts';
import { EXPORT_FORMATS, EXPORTS, type ExportFormat, exportFiles, pathFor } from '../pipeline/findings/exports/index.ts';
import type { Blobs } from '../pipeline/ports.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { print } from './terminal.ts';
import { checkFile, checkFolder, writeWhole, writeWholeFolder } from './write-whole.ts';

interface ExportOptions {
  format: ExportFormat;
  /** `-` is standard output. */
  out: string;
  data?: string;
  imageUrl?: string;
}

const STANDARD_OUTPUT = '-';

/** `out` is checked before anything is read, and all files of an export are written or none. */
export async function exportCommand(executionId: string, { format, out, data, imageUrl }: ExportOptions): Promise<void> {
  if (imageUrl !== undefined) checkNamesImage(format);
  const files = exportFiles(format);
  await checkOut(out, format);
  const folder = resolve(data ?? readConfig().TILESIGHT_HOME);
  const source = { ...(await sourceIn(folder, executionId)), imageUrl: imageUrl ?? null };
  if (files.length > 1) {
    const named = files.map(({ path, pieces }) => ({ path: pathFor(path, source.document), content: pieces(source) }));
    await writeWholeFolder(out, named);
    print(`Wrote ${named.map(({ path }) => join(out, path)).join(' and ')}.\n`);
    return;
  }
  const pieces = at(files, 0).pieces(source);
  if (out === STANDARD_OUTPUT) return await printPieces(pieces);
  await writeWhole(out, pieces);
  print(`Wrote ${out}.\n`);
}

/** For the help: what each format is for, and the files of those that are folders. */
export function formatsHelp(): string {
  const width = Math.max(...EXPORT_FORMATS.map((format) => format.length));
  const lines = EXPORT_FORMATS.map((format) => {
    const files = exportFiles(format);
    const folder = files.length > 1 ? ` A folder: ${files.map(({ path }) => path).join(', ')}.` : '';
    return `  ${format.padEnd(width)}  ${EXPORTS[format].sentence}${folder}`;
  });
  return `Formats:\n${lines.join('\n')}`;
}

export { EXPORT_FORMATS };

export const formatsThatNameTheImage = EXPORT_FORMATS.filter((format) => EXPORTS[format].namesImage);

function checkNamesImage(format: ExportFormat): void {
  if (EXPORTS[format].namesImage) return;
  throw new UserError(
    `--image-url works only with --format ${formatsThatNameTheImage.join(' or ')}, not with ${format}. Leave it out.`,
  );
}

async function checkOut(out: string, format: ExportFormat): Promise<void> {
  const files = exportFiles(format);
  if (files.length > 1 && out === STANDARD_OUTPUT) {
    const paths = files.map(({ path }) => path).join(' and ');
    throw new UserError(`The format ${format} consists of several files (${paths}). Name a new folder for them with --out DIR.`);
  }
  if (files.length > 1) await checkFolder(out);
  else if (out !== STANDARD_OUTPUT) await checkFile(out);
}

async function sourceIn(folder: string, executionId: string): Promise<Pick<ExportSource, 'document' | 'startedAt'>> {
  const blobs = fsBlobs(join(folder, 'blobs'));
  const known = ExecutionId.safeParse(executionId).success;
  const progress = known ? await stored(documents.progress(executionId), blobs) : null;
  if (!progress) {
    throw new UserError(
      `The folder ${folder} contains no execution ${JSON.stringify(executionId.slice(0, 100))}. ` +
        'Use an execution_id that analyze_image returned, and name the data folder of `tilesight serve` with --data. ' +
        '`tilesight analyze` keeps its results only in the folder of --out.',
    );
  }
  const document = await stored(documents.findings(executionId), blobs);
  if (document) return { document, startedAt: progress.started_at };
  const advice = progress.status === 'RUNNING' ? 'Wait until it ends.' : 'Analyze the image again.';
  throw new UserError(`The execution ${executionId} has no findings; its status is ${progress.status}. ${advice}`);
}

async function stored<T>(document: StoredDocument<T>, blobs: Blobs): Promise<T | null> {
  try {
    return await readDocument(document, blobs);
  } catch (cause) {
    throw new UserError(`The file ${document.key} is not as tilesight writes it. Analyze the image again.`, { cause });
  }
}

/** A reader such as `head` may stop early. */
async function printPieces(pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}
