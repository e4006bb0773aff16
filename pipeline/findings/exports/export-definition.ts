// What the definition of an export holds. Each format has one, in a file of its own and as a row of index.ts. Pure.
import type { ExportSource } from './export-source.ts';

export interface ExportFile {
  /** Path inside the export. `{image}` stands for the image's file name without its extension. */
  path: string;
  /** Name of its link in get_execution, if it is stored. */
  link: string;
  contentType: string;
  /** The file in order, in pieces of UTF-16; joined, they are the whole file. */
  pieces(source: ExportSource): Iterable<string>;
}

export interface ExportDefinition {
  /** What the format is for: a sentence for docs/exports.md and for the help of `tilesight export`. */
  sentence: string;
  /** One file is stored as `exports/<path>`; several are stored as `exports/<format>/<path>`. */
  files: readonly [ExportFile, ...ExportFile[]];
  /** True if the format names the image's address, so that `--image-url` can replace it. */
  namesImage: boolean;
  /** False for a format that only `tilesight export` writes: links cost every agent tokens. Missing if every execution stores it. */
  isStored?: false;
}
