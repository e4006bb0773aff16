// A registry of npm on loopback that has exactly the packages that a test gives it: folders, and the archives that npm packed of them.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { Archive } from '../../build/npm-package/pack.ts';

export interface LocalRegistry {
  url: string;
  close(): void;
}

/** Answers 404 for every other package. */
export async function localRegistry(archives: readonly Archive[]): Promise<LocalRegistry> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    const [name, isArchive] = path.endsWith('.tgz') ? [path.slice(0, -'.tgz'.length), true] : [path, false];
    const archive = archives.find((one) => one.name === name);
    if (!archive) return response.writeHead(404).end('{}');
    const body = isArchive ? readFile(archive.path) : packument(archive, `http://${request.headers.host}/${name}.tgz`);
    body.then(
      (bytes) => response.end(bytes),
      (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

async function packument({ folder, name, version, integrity }: Archive, tarball: string): Promise<string> {
  const manifest = z.looseObject({}).parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const versions = { [version]: { ...manifest, dist: { tarball, integrity } } };
  return JSON.stringify({ name, 'dist-tags': { latest: version }, versions });
}
