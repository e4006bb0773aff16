// Packs a folder as npm would publish it.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const Report = z.object({
  name: z.string(),
  version: z.string(),
  filename: z.string(),
  size: z.number(),
  unpackedSize: z.number(),
  integrity: z.string(),
  entryCount: z.number(),
});

export interface Archive extends z.infer<typeof Report> {
  path: string;
  folder: string;
}

/** npm's own archive in `destination`, and what npm reports about it. Older versions of npm list archives, newer ones name them. */
export async function pack(folder: string, destination: string): Promise<Archive> {
  const args = ['pack', folder, '--pack-destination', destination, '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', args, { maxBuffer: 10_000_000 });
  const [report] = z
    .union([z.array(Report), z.record(z.string(), Report).transform(Object.values<z.infer<typeof Report>>)])
    .parse(JSON.parse(stdout));
  if (!report) throw new Error(`npm packed nothing in ${folder}.`);
  return { ...report, path: join(destination, report.filename.replace('@', '').replace('/', '-')), folder };
}
