// What a caller sees of the deployment: all of it, or only its own executions and uploads. Knows keys and ids, not how a caller was
// authenticated.
import { createHash } from 'node:crypto';
import { keys, ownerOf } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import type { Blobs, CallbackAnswers, ImageSources, Launcher, Links, Removal, WaitingCallback } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import type { Caller, ToolDeps } from './deps.ts';

/** `account`: every caller sees everything. `caller`: every caller sees only its own executions and uploads. */
export type Isolation = 'account' | 'caller';

/** What the tools need, except for what depends on the caller. */
export type SharedDeps = Omit<ToolDeps, 'caller' | 'client' | 'owner' | 'images' | 'progress'> & {
  imagesIn(blobs: Blobs): ImageSources;
};

const OWNER_CHARACTERS = 12; // 48 bits of an id that AWS assigns: a principal with the same bits cannot be made on purpose
const VIEWS_KEPT_MAX = 100;

type View = Omit<ToolDeps, 'caller' | 'client'>;

/** The ports of the tools as a caller sees them. With isolation `caller`, throws an Error for a request without a caller. */
export function depsByCaller(shared: SharedDeps, isolation: Isolation): (caller: Caller | null) => ToolDeps {
  const { imagesIn, ...common } = shared;
  if (isolation === 'account') {
    const images = imagesIn(shared.blobs);
    const progress = progressReader(shared);
    return (caller) => ({ ...common, images, progress, caller, client: null, owner: null });
  }
  const views = lru<string, View>(VIEWS_KEPT_MAX);
  return (caller) => {
    if (!caller) throw new Error('Isolation by caller needs a caller, but the request has none.');
    const owner = createHash('sha256').update(caller.id).digest('hex').slice(0, OWNER_CHARACTERS);
    const view = views.get(owner) ?? viewOf(owner, shared);
    views.set(owner, view);
    return { ...view, caller, client: null };
  };
}

function viewOf(owner: string, { imagesIn, ...common }: SharedDeps): View {
  const blobs = ownBlobs(common.blobs, owner);
  const launcher = ownLauncher(common.launcher, owner);
  return {
    ...common,
    owner,
    blobs,
    removal: ownRemoval(common.removal, owner),
    links: ownLinks(common.links, owner),
    launcher,
    callbacks: ownCallbacks(common.callbacks, owner),
    images: imagesIn(blobs),
    progress: progressReader({ blobs, launcher, clock: common.clock }),
  };
}

/** Objects of other owners do not exist. A write to one is a bug: no tool takes a key from a caller. */
function ownBlobs(blobs: Blobs, owner: string): Blobs {
  const isOwn = (key: string) => [null, owner].includes(ownerOf(key));
  const own = (key: string) => {
    if (isOwn(key)) return key;
    throw new Error(`The key ${key} does not belong to ${owner}.`);
  };
  return {
    head: async (key) => (isOwn(key) ? await blobs.head(key) : null),
    get: async (key) => (isOwn(key) ? await blobs.get(key) : null),
    getRange: async (key, start, length) => await blobs.getRange(own(key), start, length),
    put: async (key, bytes) => await blobs.put(own(key), bytes),
    putNew: async (key, bytes) => await blobs.putNew(own(key), bytes),
    putFile: async (key, path) => await blobs.putFile(own(key), path),
    materialize: async (key) => await blobs.materialize(own(key)),
    list: async (folder, page) => (isOwn(folder) ? await blobs.list(folder, page) : []),
  };
}

function ownRemoval(removal: Removal, owner: string): Removal {
  const own = (key: string) => {
    if (ownerOf(key) === owner) return key;
    throw new Error(`The key ${key} does not belong to ${owner}.`);
  };
  return {
    objects: async (keysToDelete) => await removal.objects(keysToDelete.map(own)),
    folder: async (folder) => await removal.folder(own(folder)),
  };
}

function ownLauncher(launcher: Launcher, owner: string): Launcher {
  const isOwn = (executionId: string) => ownerOf(keys.progress(executionId)) === owner;
  return {
    start: async (request) => {
      if (!isOwn(request.execution_id) || request.owner !== owner)
        throw new Error(`The execution ${request.execution_id} does not belong to ${owner}.`);
      return await launcher.start(request);
    },
    describe: async (executionId) => (isOwn(executionId) ? await launcher.describe(executionId) : null),
    stop: async (executionId, reason) => (isOwn(executionId) ? await launcher.stop(executionId, reason) : null),
    forget: async (executionId) => (isOwn(executionId) ? await launcher.forget(executionId) : 'kept'),
  };
}

/** A callback id is found only in a document of its execution, but an answer must not depend on that alone. */
function ownCallbacks(callbacks: CallbackAnswers, owner: string): CallbackAnswers {
  const own = (callback: WaitingCallback) => {
    if (ownerOf(keys.progress(callback.executionId)) === owner) return callback;
    throw new Error(`The execution ${callback.executionId} does not belong to ${owner}.`);
  };
  return {
    succeed: async (callback, result) => await callbacks.succeed(own(callback), result),
    fail: async (callback, error) => await callbacks.fail(own(callback), error),
    heartbeat: async (callback) => await callbacks.heartbeat(own(callback)),
  };
}

function ownLinks(links: Links, owner: string): Links {
  const own = (key: string) => {
    if (ownerOf(key) === owner) return key;
    throw new Error(`The key ${key} does not belong to ${owner}.`);
  };
  return {
    forPut: async (key, limit) => await links.forPut(own(key), limit),
    forGet: async (key, limit) => await links.forGet(own(key), limit),
  };
}
