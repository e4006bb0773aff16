// Images at https:// addresses, fetched so that nothing inside can be reached through them: hosts are listed, every hop is
// checked by the number that it connects to, and time and bytes have limits. Knows nothing of what is in an image.
import { lookup } from 'node:dns/promises';
import { open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { RemoteImages } from '../../ports.ts';
import { checkImageUrl, shownHost } from '../image-hosts.ts';
import { type Answer, get, type Internet } from './https-request.ts';
import { type Patience, type Waiting, waiting } from './patience.ts';

const REDIRECTS_MAX = 5;
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

const PATIENCE: Patience = {
  connectMs: 5_000,
  idleMs: 30_000, // some hosts draw an image before they send it
  totalMs: 600_000, // the 6 GB of the largest image that is taken, at 10 MB/s
};

/** Proxies of the environment are not used: behind one, nobody could tell which address is connected to. */
const INTERNET: Internet = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
  connect: (address, port) => connect({ host: address, port }),
};

export interface HttpsImagesOptions {
  /** As in sources/image-hosts.ts. */
  allowedHosts: readonly string[];
  internet?: Internet;
  patience?: Patience;
}

/** Addresses are checked between `internet.resolve` and `internet.connect`; no option leaves that out. */
export function httpsImages({ allowedHosts, internet = INTERNET, patience = PATIENCE }: HttpsImagesOptions): RemoteImages {
  return {
    async download(address, path, bytesMax) {
      const url = checkImageUrl(address, allowedHosts);
      using limits = waiting(patience);
      const { answer, from } = await followed(url, allowedHosts, internet, limits);
      try {
        checkHead(answer.response, from, bytesMax);
        await save(answer, from, path, bytesMax, limits);
      } catch (error) {
        answer.response.destroy();
        await rm(path, { force: true });
        throw error;
      }
    },
  };
}

async function followed(
  start: URL,
  allowedHosts: readonly string[],
  internet: Internet,
  limits: Waiting,
): Promise<{ answer: Answer; from: URL }> {
  let from = start;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const answer = await get(from, internet, limits);
    if (!REDIRECT_STATUSES.has(answer.response.statusCode ?? 0)) return { answer, from };
    answer.response.destroy();
    from = redirected(answer.response.headers.location, from, allowedHosts);
  }
  throw new UserError(
    `Expected an image after at most ${REDIRECTS_MAX} redirects from ${shownHost(start)}, got one more. Name the image’s own address.`,
  );
}

/** Where a host sends us is its own choice, so of the whole address only the host is repeated to the caller. */
function redirected(location: string | undefined, from: URL, allowedHosts: readonly string[]): URL {
  const target = location === undefined ? null : URL.parse(location, from.href);
  try {
    return checkImageUrl(target?.href ?? '', allowedHosts);
  } catch (cause) {
    const shown = target?.host ? `${target.protocol}//${shownHost(target)}` : 'no address';
    throw new UserError(
      `Expected an image from ${shownHost(from)}, got a redirect to ${shown}, which is not allowed here. Upload the image instead.`,
      { cause },
    );
  }
}

function checkHead({ statusCode = 0, headers }: IncomingMessage, from: URL, bytesMax: number): void {
  if (statusCode === 429 || statusCode >= 500) {
    const sentence = `Expected an image from ${shownHost(from)}, got status ${statusCode}. Try again later.`;
    throw new TransientError(sentence, { throttled: statusCode === 429 });
  }
  if (statusCode !== 200) {
    throw new UserError(`Expected an image from ${shownHost(from)}, got status ${statusCode}. Check the address.`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new UserError(`Expected an image as it is from ${shownHost(from)}, got it packed. Upload it instead.`);
  }
  if (Number(headers['content-length'] ?? 0) > bytesMax) throw tooLarge(from, bytesMax);
}

/** What fails in the file is ours and rises as it is, such as a full disk; what fails in the body is the host's. */
async function save({ response, brokeRules }: Answer, from: URL, path: string, bytesMax: number, limits: Waiting): Promise<void> {
  await using file = await open(path, 'w');
  let bytes = 0;
  for await (const chunk of chunksOf(response, from, limits)) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(from, bytesMax);
    await file.writeFile(chunk); // behind what was written before
    limits.stirred();
  }
  if (brokeRules()) {
    throw new UserError(`Expected as many bytes as ${shownHost(from)} announced, got more. Upload the image instead.`);
  }
  if (bytes === 0) throw new UserError(`Expected an image from ${shownHost(from)}, got an empty answer. Check the address.`);
}

async function* chunksOf(response: IncomingMessage, from: URL, { signal }: Waiting): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new TransientError(`Expected the whole image from ${shownHost(from)}, got a connection that broke off. Try again.`, {
      cause,
    });
  }
}

function tooLarge(from: URL, bytesMax: number): UserError {
  return new UserError(`Expected an image of at most ${bytesMax} bytes from ${shownHost(from)}, got more. Name a smaller one.`);
}
