// Where every object lives. Keys are a function of the input, so writing one twice is harmless.

const execution = (executionId: string) => `executions/${executionId}`;

/** An id that only `owner` can use; null: everybody. The end of it says whose it is. */
export function ownedId(id: string, owner: string | null): string {
  return owner === null ? id : `${id}-${owner}`;
}

/** Whose the object or folder is, by its id or index; null: nobody's, for example an image that was put beside ours. */
export function ownerOf(key: string): string | null {
  const [folder = '', name = ''] = key.split('/');
  if (folder === 'executions' || folder === 'uploads') return name.split('-').at(-1) ?? '';
  return folder === 'index' ? name.replace(/^of-/, '') : null;
}

export const keys = {
  upload: (uploadId: string) => `uploads/${uploadId}`,
  /** A copy of an image that came from elsewhere, so that every step sees the same bytes. */
  image: (executionId: string) => `${execution(executionId)}/picture`,
  /** How the image was cut: whoever reads its pyramid needs it. */
  plan: (executionId: string) => `${execution(executionId)}/plan.json`,
  pyramid: (executionId: string) => `${execution(executionId)}/pyramid.szi`,
  /** The whole image, small: for summaries, overlays and reports. */
  overview: (executionId: string) => `${execution(executionId)}/overview.jpg`,
  overlay: (executionId: string) => `${execution(executionId)}/overlay.jpg`,
  findings: (executionId: string) => `${execution(executionId)}/findings.json`,
  /** The findings in the format of another program. */
  export: (executionId: string, path: string) => `${execution(executionId)}/exports/${path}`,
  exportsFolder: (executionId: string) => `${execution(executionId)}/exports/`,
  /** For people: one page with everything in it. */
  report: (executionId: string) => `${execution(executionId)}/report.html`,
  progress: (executionId: string) => `${execution(executionId)}/progress.json`,
  shardProgress: (executionId: string, shard: number) => `${execution(executionId)}/progress/${shard}.json`,
  tileStatesFolder: (executionId: string) => `${execution(executionId)}/tiles/`,
  /** How far each tile of a shard is, while it runs and afterwards. */
  tileStates: (executionId: string, shard: number) => `${execution(executionId)}/tiles/${shard}.json`,
  /** The principal that started it, where callers are known. */
  startedBy: (executionId: string) => `${execution(executionId)}/started-by.json`,
  /** Under which ARN the service knows it. */
  launched: (executionId: string) => `${execution(executionId)}/launched.json`,
  /** There once somebody has asked to cancel. */
  cancel: (executionId: string) => `${execution(executionId)}/cancel.json`,
  tileResults: (executionId: string, shard: number) => `${execution(executionId)}/looks/${shard}.json`,
  merged: (executionId: string) => `${execution(executionId)}/merged.json`,
  /** Overflow: results of steps that are too large for a checkpoint. */
  mergeResult: (executionId: string) => `${execution(executionId)}/doubtful.json`,
  resumedTiles: (executionId: string) => `${execution(executionId)}/todo.json`,
  tileStepResult: (executionId: string, tile: string) => `${execution(executionId)}/detections/${tile}.json`,
};

/** 13 digits of milliseconds last until the year 2286; counted down, the newest key comes first. */
const LAST_MS = 9_999_999_999_999;

/** Folders of keys, by which executions are found: those of one owner, or of all that have none. */
export function indexOf(owner: string | null) {
  const folder = owner === null ? 'index' : `index/of-${owner}`;
  return {
    byTime: `${folder}/by-time/`,
    /** Labels in lower case; escaped, so that any label is one segment. */
    byLabel: (label: string) => `${folder}/by-label/l-${encodeURIComponent(label.toLowerCase().toWellFormed())}/`,
  };
}

/** What was found when, newest first, by the key alone. */
export const index = {
  /** The last segment of a key: the same for an execution whenever it is written. */
  name: (startedAt: Date, executionId: string) => `${String(LAST_MS - startedAt.getTime()).padStart(13, '0')}-${executionId}`,
  startedAt: (name: string) => new Date(LAST_MS - Number(name.slice(0, 13))),
};

export const INDEX_NAME = /^\d{13}-[a-zA-Z0-9-_]{1,64}$/;

/** A folder that is a store keeps here what is being written; in a bucket, too, no object may have it in its name. */
export const RESERVED_SEGMENT = '.parts';
const KEY_BYTES_MAX = 1_024; // as on S3
const LIST_MAX = 1_000; // as on S3

/** The key as it is. Throws a RangeError for one that some store could not hold, or that could lead out of a folder. */
export function checkedKey(key: string): string {
  const wrong = key
    .split('/')
    .some((segment) => ['', '.', '..', RESERVED_SEGMENT].includes(segment) || /[\\\p{Cc}\p{Cs}]/u.test(segment));
  if (wrong || new TextEncoder().encode(key).length > KEY_BYTES_MAX) {
    throw new RangeError(
      `Expected a relative key without empty, . or .. segments and control characters, of at most ${KEY_BYTES_MAX} bytes, ` +
        `got ${JSON.stringify(key.slice(0, 100))}.`,
    );
  }
  return key;
}

/** The folder as it is. Throws a RangeError for one that ends without `/`, or that `checkedKey` would refuse, or for no page at all. */
export function checkedFolder(folder: string, { limit }: { limit: number }): string {
  if (!folder.endsWith('/'))
    throw new RangeError(`Expected a folder that ends in /, got ${JSON.stringify(folder.slice(0, 100))}.`);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX)
    throw new RangeError(`Expected a limit from 1 to ${LIST_MAX}, got ${limit}.`);
  checkedKey(folder.slice(0, -1));
  return folder;
}

/** Throws a RangeError unless `start` and `length` name at least one byte. */
export function checkRange(start: number, length: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(length) && start >= 0 && length >= 1) return;
  throw new RangeError(`Expected a range of at least one byte, got ${length} bytes at ${start}.`);
}

/** The path of an export below its folder; `null` if the key is that of another object. */
export function exportPathIn(key: string): string | null {
  return /^executions\/[^/]+\/exports\/(.+)$/.exec(key)?.[1] ?? null;
}

const CONTENT_TYPES: Record<string, string> = {
  json: 'application/json',
  jpg: 'image/jpeg',
};

/** The content type of a document or an image; findings/content-type.ts adds those of exports. */
export function documentContentType(key: string): string {
  // Our own page, and no other: a browser would run what is in it.
  if (key.startsWith('executions/') && key.endsWith('/report.html')) return 'text/html; charset=utf-8';
  return CONTENT_TYPES[key.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
}
