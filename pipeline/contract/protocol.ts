// Names and numbers by which an execution in flight resumes, whichever version of the code runs it next: step names and shard
// boundaries. Never change one, and never reorder the operations that use them. The keys of stored objects are in keys.ts.

/**
 * The most tiles in a shard of a new execution. This one may change: the steps `inspect` and `take-up` store the boundaries, and a
 * replay uses those. It must leave room for every retry: planning/shards.ts.
 */
export const SHARD_TILES_MAX = 850;

/** The most tiles in a shard of version 0.1, which stored no boundaries: they are computed again from this. */
export const SHARD_TILES_MAX_OF_0_1 = 850;

/**
 * The result of a callback: 256 KB in the API reference of the service (SendDurableExecutionCallbackSuccess), 1 MB in its client's
 * types. The smaller one is safe.
 */
export const CALLBACK_BYTES_MAX = 262_144;

/** The longest that an execution waits for agents, detection and verification together. The limit of an execution, 8 days by default, must outlast it. */
export const AGENT_WAIT_S_MAX = 7 * 86_400;

/** Names of the durable operations, in the order in which they begin. */
export const STEPS = {
  fetch: 'fetch',
  inspect: 'inspect',
  moderate: 'moderate',
  storeVerdict: 'store-verdict',
  tile: 'tile',
  resumeFailedTiles: 'take-up',
  runShards: 'shards',
  /** The context of one shard, and its invocation. */
  runShard: (shard: number) => `shard-${shard}`,
  checkShard: (shard: number) => `begin-${shard}`,
  detect: 'detect',
  detectTile: (level: number, row: number, column: number) => `tile-${level}-r${row}-c${column}`,
  /** A tile whose model was throttled waits, or waits for a tile that does, and begins a further step. */
  detectTileAgain: (tile: string, round: number) => (round === 0 ? tile : `${tile}-again-${round}`),
  waitForQuota: (tile: string, round: number) => `${tile}-wait-${round}`,
  /** The reports of agents come in rounds: a callback, and the step that collects what is there. */
  waitForAgent: (board: string, round: number) => `agent-${board}-wait-${round}`,
  collectReports: (board: string, round: number) => `agent-${board}-collect-${round}`,
  storeTileResults: 'keep-looks',
  merge: 'merge',
  judge: 'judge',
  /** By the first of the findings that one call judges. */
  judgeFindings: (findingId: string) => `judge-${findingId}`,
  verify: 'verify',
  verifyFinding: (findingId: string) => `verify-${findingId}`,
  synthesize: 'synthesize',
  store: 'store',
  storeFailure: 'store-failure',
  /** Instead of `inspect` to `tile`, for a question about an image that is cut into tiles already. */
  openTiles: 'open-tiles',
  /** Turn by turn: the model decides, then a part of the image is shown to it. */
  think: (turn: number) => `think-${turn}`,
  lookCloser: (turn: number) => `look-${turn}`,
  /** The callback by which a person replies to the model. */
  askPerson: (turn: number) => `ask-person-${turn}`,
  storeAnswer: 'store-answer',
  /** The last step of an execution that only cuts its image into tiles. */
  endLook: 'end-look',
  /** The only step of a calibration. */
  calibrate: 'calibrate',
} as const;

/** The MCP resource with the labels that local models know. Notes, which are stored, name it. */
export const LABELS_ADDRESS = 'tilesight://labels';
