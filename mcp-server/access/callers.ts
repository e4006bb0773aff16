// Who asks, and what of the deployment they see: all of it, or only what they made themselves. Knows keys and ids; knows nothing
// of how a caller was authenticated.
import { createHash } from 'node:crypto';
import { keys, ownerOf } from '../../pipeline/contract/keys.ts';
import type { Blobs, ImageSources, Launcher, Links } from '../../pipeline/ports.ts';
import type { Caller, ToolDeps } from './deps.ts';

/** `account`: every caller sees all of the deployment. `caller`: each sees only its own. */
export type Isolation = 'account' | 'caller';

/** What the tools need, but for what depends on the caller. */
export type SharedDeps = Omit<ToolDeps, 'caller' | 'owner' | 'images'> & { imagesIn(blobs: Blobs): ImageSources };

const OWNER_CHARACTERS = 12; // 48 bits of an id that AWS chooses: nobody can make another principal with the same ones
/** Callers whose view is kept, with what was parsed for them. */
const VIEWS_MAX = 100;

/** The tools' world as one caller sees it. Throws for nobody where each caller sees only its own. */
export function depsByCaller(shared: SharedDeps, isolation: Isolation): (caller: Caller | null) => ToolDeps {
  const { imagesIn, ...common } = shared;
  if (isolation === 'account') {
    const images = imagesIn(shared.blobs);
    return (caller) => ({ ...common, images, caller, owner: null });
  }
  const views = new Map<string, Omit<ToolDeps, 'caller'>>();
  return (caller) => {
    if (!caller) throw new Error('Expected a caller, got none: who asks must be known where each sees only its own.');
    const owner = createHash('sha256').update(caller.id).digest('hex').slice(0, OWNER_CHARACTERS);
    const view = views.get(owner) ?? viewOf(owner, shared);
    views.delete(owner);
    views.set(owner, view); // the latest last
    const oldest = views.keys().next().value;
    if (views.size > VIEWS_MAX && oldest !== undefined) views.delete(oldest);
    return { ...view, caller };
  };
}

function viewOf(owner: string, { imagesIn, ...common }: SharedDeps): Omit<ToolDeps, 'caller'> {
  const blobs = ownBlobs(common.blobs, owner);
  const [links, launcher] = [ownLinks(common.links, owner), ownLauncher(common.launcher, owner)];
  return { ...common, owner, blobs, links, launcher, images: imagesIn(blobs) };
}

/** What belongs to somebody else is not there. Writing there is a bug: no tool takes a key from a caller. */
function ownBlobs(blobs: Blobs, owner: string): Blobs {
  const isOwn = (key: string) => [null, owner].includes(ownerOf(key));
  const own = (key: string) => {
    if (isOwn(key)) return key;
    throw new Error(`Expected a key of ${owner}, got ${key}.`);
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

function ownLauncher(launcher: Launcher, owner: string): Launcher {
  const isOwn = (executionId: string) => ownerOf(keys.progress(executionId)) === owner;
  return {
    start: async (request) => {
      if (!isOwn(request.execution_id) || request.owner !== owner) throw new Error(`Expected an execution of ${owner}.`);
      return await launcher.start(request);
    },
    describe: async (executionId) => (isOwn(executionId) ? await launcher.describe(executionId) : null),
    stop: async (executionId, reason) => (isOwn(executionId) ? await launcher.stop(executionId, reason) : null),
  };
}

function ownLinks(links: Links, owner: string): Links {
  const own = (key: string) => {
    if (ownerOf(key) === owner) return key;
    throw new Error(`Expected a key of ${owner}, got ${key}.`);
  };
  return {
    forPut: async (key, limit) => await links.forPut(own(key), limit),
    forGet: async (key, limit) => await links.forGet(own(key), limit),
  };
}
