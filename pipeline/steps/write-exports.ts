// Part of step 8: the findings in the formats that other programs read. Written through a file, so that none is ever whole in memory.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExportFormat } from '../contract/export-format.ts';
import { keys } from '../contract/keys.ts';
import type { ExportSource } from '../findings/exports/export-source.ts';
import { exportPieces } from '../findings/exports/index.ts';
import type { PipelineDeps } from '../ports.ts';

export async function writeExports(source: ExportSource, deps: Pick<PipelineDeps, 'blobs' | 'scratchFolder'>): Promise<void> {
  const folder = await mkdtemp(join(deps.scratchFolder, 'exports-'));
  try {
    for (const format of ExportFormat.options) {
      const path = join(folder, format);
      await writeFile(path, exportPieces(format, source));
      await deps.blobs.putFile(keys.export(source.document.execution_id, format), path);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
