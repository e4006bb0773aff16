// Part of step 8: the findings in the formats of other programs. Written through a file, so that no export is whole in memory.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../contract/keys.ts';
import type { ExportSource } from '../findings/exports/export-source.ts';
import { EXPORT_FILES, pathFor } from '../findings/exports/index.ts';
import type { PipelineDeps } from '../ports.ts';
import type { Attempt } from './optional-writes.ts';

export async function writeExports(
  source: ExportSource,
  attempt: Attempt,
  { blobs, scratchFolder }: Pick<PipelineDeps, 'blobs' | 'scratchFolder'>,
): Promise<void> {
  const { document } = source;
  for (const { storedAs, pieces } of EXPORT_FILES) {
    const path = pathFor(storedAs, document);
    await attempt(`exports/${path}`, async () => {
      const folder = await mkdtemp(join(scratchFolder, 'exports-'));
      try {
        const scratch = join(folder, 'export');
        await writeFile(scratch, pieces(source));
        await blobs.putFile(keys.export(document.execution_id, path), scratch);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
}
