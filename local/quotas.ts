// Limits how much one caller may hold at once in the data folder: uploads, queued and running executions, bytes in all. Without isolation
// by caller, all callers count as one. Must not know tools.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Quotas } from '../mcp-server/access/deps.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { keys, ownerOf } from '../pipeline/contract/keys.ts';
import type { DataFolder } from './data-folder.ts';
import type { Engine } from './engine/engine.ts';

export interface QuotaLimits {
  CALLER_UPLOAD_BYTES_MAX: number;
  CALLER_EXECUTIONS_MAX: number;
  CALLER_STORED_BYTES_MAX: number;
}

const COUNTED_MAX = 1_000_000;
/** A walk over 10,000 executions takes seconds, and a start should not wait for each. */
const STORED_KEPT_MS = 60_000;

/** Called once, when an upload has arrived or failed. */
export type EndOfUpload = (isStored: boolean) => void;

export interface LocalQuotas extends Quotas {
  /**
   * Like `checkUpload`, and counts the upload until the returned function is called: uploads that arrive at once must not exceed the
   * limit together.
   */
  admitUpload(owner: string | null, bytes: number): Promise<EndOfUpload>;
}

export function localQuotas(
  { blobs }: Pick<DataFolder, 'blobs'>,
  engine: Pick<Engine, 'list'>,
  limits: QuotaLimits,
  nowMs: () => number,
): LocalQuotas {
  const stored = new Map<string | null, { atMs: number; bytes: number }>();
  const arriving = new Map<string | null, number>();
  const arrivingOf = (owner: string | null) => arriving.get(owner) ?? 0;
  let checks = Promise.resolve();

  const bytesIn = async (folder: 'uploads' | 'executions', owner: string | null): Promise<number> => {
    const names = await readdir(join(blobs, folder)).catch(() => []);
    let bytes = 0;
    for (const name of names) if (isOf(owner, `${folder}/${name}`)) bytes += await bytesBelow(join(blobs, folder, name));
    return bytes;
  };
  const storedBytes = async (owner: string | null): Promise<number> => {
    const known = stored.get(owner);
    if (known && nowMs() - known.atMs < STORED_KEPT_MS) return known.bytes;
    const bytes = (await bytesIn('uploads', owner)) + (await bytesIn('executions', owner));
    stored.set(owner, { atMs: nowMs(), bytes });
    return bytes;
  };
  const checkStored = async (owner: string | null, more: number): Promise<void> => {
    const { CALLER_STORED_BYTES_MAX: max } = limits;
    const held = await storedBytes(owner);
    if (held < max && held + more <= max) return;
    stored.delete(owner); // what is deleted now counts at once
    throw new UserError(
      `Uploads and results fill the ${max} bytes that this server keeps for a caller (CALLER_STORED_BYTES_MAX). ` +
        'Delete analyses with delete_execution, or raise the limit.',
    );
  };
  const checkUpload = async (owner: string | null, bytes: number): Promise<void> => {
    const { CALLER_UPLOAD_BYTES_MAX: max } = limits;
    const unfinished = arrivingOf(owner); // before the walk: what is stored meanwhile counts twice rather than never
    const held = unfinished + (await bytesIn('uploads', owner));
    if (held + bytes > max) {
      throw new UserError(
        `${held} bytes of uploads are stored, and with ${bytes} more they exceed the ${max} bytes that this server takes from a caller ` +
          '(CALLER_UPLOAD_BYTES_MAX). Uploads are deleted a day after they arrived: send the file later, or raise the limit.',
      );
    }
    await checkStored(owner, unfinished + bytes);
  };

  return {
    checkUpload,
    async admitUpload(owner, bytes) {
      const admitted = checks.then(async () => {
        await checkUpload(owner, bytes);
        arriving.set(owner, arrivingOf(owner) + bytes);
      });
      checks = admitted.catch(() => {});
      await admitted;
      return (isStored) => {
        arriving.set(owner, arrivingOf(owner) - bytes);
        const known = stored.get(owner);
        if (known && isStored) known.bytes += bytes;
      };
    },
    async checkStart(owner) {
      const { CALLER_EXECUTIONS_MAX: max } = limits;
      await checkStored(owner, 0);
      const running = runningExecutions(engine, owner);
      if (running >= max) {
        throw new UserError(
          `${running} executions are queued or running, the most that this server runs for a caller (CALLER_EXECUTIONS_MAX). ` +
            'Wait until some have ended, or end them with cancel_execution.',
        );
      }
    },
  };
}

const isOf = (owner: string | null, key: string) => owner === null || ownerOf(key) === owner;

/** Shards are parts of an execution. */
function runningExecutions(engine: Pick<Engine, 'list'>, owner: string | null): number {
  const all = { startedAfter: Number.MIN_SAFE_INTEGER, startedBefore: Number.MAX_SAFE_INTEGER, newestFirst: false };
  const rows = engine.list({ statuses: ['RUNNING'], ...all, after: null, limit: COUNTED_MAX });
  return rows.filter(({ name, parent_arn }) => parent_arn === null && isOf(owner, keys.progress(name))).length;
}

async function bytesBelow(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return found?.size ?? 0;
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
  return bytes;
}
