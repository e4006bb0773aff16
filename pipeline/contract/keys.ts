// The keys of all stored objects. A key is a function of the input, so writing an object twice is harmless.
// Never change a key: runs in flight and stored executions depend on it.
import { createHash } from 'node:crypto';

const execution = (executionId: string) => `executions/${executionId}`;

/** An id that only `owner` may use, which its end names; `null` for every caller. */
export function ownedId(id: string, owner: string | null): string {
  return owner === null ? id : `${id}-${owner}`;
}

/** The owner of an object or folder, by its key; `null` if it has none, such as an image that was put beside our objects. */
export function ownerOf(key: string): string | null {
  const [folder = '', name = ''] = key.split('/');
  if (folder === 'executions' || folder === 'uploads') return name.slice(name.lastIndexOf('-') + 1);
  return folder === 'index' ? name.replace(/^of-/, '') : null;
}

export const keys = {
  upload: (uploadId: string) => `uploads/${uploadId}`,
  /** A copy of an image from elsewhere, so that every step reads the same bytes. */
  image: (executionId: string) => `${execution(executionId)}/picture`,
  plan: (executionId: string) => `${execution(executionId)}/plan.json`,
  pyramid: (executionId: string) => `${execution(executionId)}/pyramid.szi`,
  /** The whole image, scaled down: for summaries, overlays and reports. */
  overview: (executionId: string) => `${execution(executionId)}/overview.jpg`,
  overlay: (executionId: string) => `${execution(executionId)}/overlay.jpg`,
  findings: (executionId: string) => `${execution(executionId)}/findings.json`,
  /** The findings in the format of another program. */
  export: (executionId: string, path: string) => `${execution(executionId)}/exports/${path}`,
  exportsFolder: (executionId: string) => `${execution(executionId)}/exports/`,
  /** One page for people with everything that the analysis found. */
  report: (executionId: string) => `${execution(executionId)}/report.html`,
  executionFolder: (executionId: string) => `${execution(executionId)}/`,
  resumedByFolder: (executionId: string) => `${execution(executionId)}/resumed-by/`,
  /** Exists once another execution resumes this one, whose tiles and results it reads. */
  resumedBy: (executionId: string, by: string) => `${execution(executionId)}/resumed-by/${by}`,
  /** The keys under which the list of executions has it. */
  indexKeys: (executionId: string) => `${execution(executionId)}/index.json`,
  progress: (executionId: string) => `${execution(executionId)}/progress.json`,
  shardProgress: (executionId: string, shard: number) => `${execution(executionId)}/progress/${shard}.json`,
  tileStatesFolder: (executionId: string) => `${execution(executionId)}/tiles/`,
  tileStates: (executionId: string, shard: number) => `${execution(executionId)}/tiles/${shard}.json`,
  startedBy: (executionId: string) => `${execution(executionId)}/started-by.json`,
  launched: (executionId: string) => `${execution(executionId)}/launched.json`,
  cancel: (executionId: string) => `${execution(executionId)}/cancel.json`,
  waitsFolder: (executionId: string) => `${execution(executionId)}/waits/`,
  /** The callback that an execution waits for. */
  wait: (executionId: string, name: string) => `${execution(executionId)}/waits/${name}.json`,
  agentBoardsFolder: (executionId: string) => `${execution(executionId)}/agent/boards/`,
  agentBoard: (executionId: string, board: string) => `${execution(executionId)}/agent/boards/${board}.json`,
  agentLeasesFolder: (executionId: string, board: string) => `${execution(executionId)}/agent/leases-${board}/`,
  agentLease: (executionId: string, board: string, item: number, turn: number) =>
    `${execution(executionId)}/agent/leases-${board}/${item}-${turn}.json`,
  agentReportsFolder: (executionId: string, board: string) => `${execution(executionId)}/agent/reports-${board}/`,
  agentReport: (executionId: string, board: string, item: number) =>
    `${execution(executionId)}/agent/reports-${board}/${item}.json`,
  agentRound: (executionId: string, board: string, round: number) =>
    `${execution(executionId)}/agent/rounds-${board}/${round}.json`,
  tileResultsFolder: (executionId: string) => `${execution(executionId)}/looks/`,
  tileResults: (executionId: string, shard: number) => `${execution(executionId)}/looks/${shard}.json`,
  tileResultsSoFarFolder: (executionId: string) => `${execution(executionId)}/so-far/`,
  /** What an execution has analyzed if it is stopped from outside; empty once the shard has ended. */
  tileResultsSoFar: (executionId: string, shard: number) => `${execution(executionId)}/so-far/${shard}.json`,
  merged: (executionId: string) => `${execution(executionId)}/merged.json`,
  /** Checkpoint overflow: step results that are too large for a checkpoint. */
  mergeResult: (executionId: string) => `${execution(executionId)}/doubtful.json`,
  resumedTiles: (executionId: string) => `${execution(executionId)}/todo.json`,
  /** What a calibration measured about a model. */
  calibration: (model: string) => `calibration/${encodeURIComponent(model)}.json`,
  /** How long a model takes for a tile. */
  pace: (model: string) => `calibration/pace/${encodeURIComponent(model)}.json`,
  /** The result of a step of a search that is too large for a checkpoint. */
  searchStep: (executionId: string, step: string) => `${execution(executionId)}/search/${step}.json`,
  /** What a model was shown on its search for an answer. */
  lookImage: (executionId: string, look: number) => `${execution(executionId)}/search/${look}.jpg`,
  /** How an answer was found. */
  trace: (executionId: string) => `${execution(executionId)}/trace.json`,
  tileStepResult: (executionId: string, tile: string) => `${execution(executionId)}/detections/${tile}.json`,
};

/** 13 digits of milliseconds last until the year 2286. They count down, so that the newest key comes first. */
const LAST_MS = 9_999_999_999_999;

/** Folders in which executions are found by time and by label: those of one owner, or `null` for those without an owner. */
export function indexOf(owner: string | null) {
  const folder = owner === null ? 'index' : `index/of-${owner}`;
  return {
    byTime: `${folder}/by-time/`,
    byLabel: (label: string) => `${folder}/by-label/${labelSegment(escaped(label))}/`,
    /** Where version 0.1 put a label that `byLabel` shortens; `null` for any other label. */
    byLabelOf01: (label: string) => {
      const segment = `l-${escaped(label)}`;
      return segment.length > LABEL_SEGMENT_BYTES_MAX ? `${folder}/by-label/${segment}/` : null;
    },
  };
}

/** A file name has at most 255 bytes, and 143 in an encrypted folder: https://ecryptfs.org */
const LABEL_SEGMENT_BYTES_MAX = 140;
const LABEL_HASH_CHARACTERS = 32;

/** A label of any script and length as one segment. A long one becomes its hash: a label is a model's text, and no name. */
function labelSegment(label: string): string {
  if (`l-${label}`.length <= LABEL_SEGMENT_BYTES_MAX) return `l-${label}`;
  return `h-${createHash('sha256').update(label).digest('hex').slice(0, LABEL_HASH_CHARACTERS)}`;
}

/** Lower case, in ASCII: its length is its number of bytes. */
function escaped(label: string): string {
  return encodeURIComponent(label.toLowerCase().toWellFormed());
}

/** The last segment of an index key. In the order of keys, the newest execution comes first. */
export const index = {
  name: (startedAt: Date, executionId: string) => `${String(LAST_MS - startedAt.getTime()).padStart(13, '0')}-${executionId}`,
  startedAt: (name: string) => new Date(LAST_MS - Number(name.slice(0, 13))),
  executionId: (name: string) => name.slice(14),
};

export const INDEX_NAME = /^\d{13}-[a-zA-Z0-9-_]{1,64}$/;

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
  // Only for our own page: a browser runs the scripts in it.
  if (key.startsWith('executions/') && key.endsWith('/report.html')) return 'text/html; charset=utf-8';
  return CONTENT_TYPES[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}
