// The files of the local page by name, with their content types. Does not know where they come from.
import { basename, extname } from 'node:path';
import type { PageFile } from './web-routes.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface NamedFile {
  path: string;
  bytes: Uint8Array;
}

/** By base name: the browser finds all of them in one folder. Throws if a file has no known type. */
export function filesByName(files: readonly NamedFile[]): Map<string, PageFile> {
  return new Map(
    files.map(({ path, bytes }) => {
      const contentType = CONTENT_TYPES[extname(path)];
      if (contentType === undefined) throw new Error(`Expected a content type for ${path}, got none. Add one to CONTENT_TYPES.`);
      return [basename(path), { bytes, contentType }];
    }),
  );
}
