// Downloads an image over https so that nothing inside a network can be reached through it: hosts are allow-listed, every hop is
// checked by the IP address that it connects to, and time and bytes are limited. Knows nothing of what is in an image.
import { lookup } from 'node:dns/promises';
import { open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { TransientError, UserError } from '../../contract/errors.ts';
import { type DownloadTimeouts, type Timer, timer } from './download-timeouts.ts';
import { type Answer, get, type Internet } from './https-request.ts';
import { checkImageUrl, shownHost } from './image-hosts.ts';

const REDIRECTS_MAX = 5;
/** Request Timeout, Too Early, Too Many Requests: RFC 9110 and RFC 8470, RFC 6585. */
const TRY_AGAIN_STATUSES = new Set([408, 425, 429]);
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

const TIMEOUTS: DownloadTimeouts = {
  connectMs: 5_000,
  idleMs: 30_000, // some hosts draw an image before they send it
  totalMs: 600_000, // the 6 GB of the largest image that is accepted, at 10 MB/s
};

/** Ignores the proxies of the environment: behind one, the address that is connected to could not be checked. */
const INTERNET: Internet = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
  connect: (address, port) => connect({ host: address, port }),
};

/** Addresses are checked between `internet.resolve` and `internet.connect`; no option skips that. */
export interface DownloadOptions {
  internet?: Internet;
  timeouts?: DownloadTimeouts;
}

/** As ImageDownloads.download. `allowedHosts` is checked again here, and for every redirect. */
export async function downloadImage(
  address: string,
  path: string,
  bytesMax: number,
  allowedHosts: readonly string[],
  { internet = INTERNET, timeouts = TIMEOUTS }: DownloadOptions,
): Promise<void> {
  const url = checkImageUrl(address, allowedHosts);
  using running = timer(timeouts);
  const { answer, from } = await followed(url, allowedHosts, internet, running);
  try {
    checkHead(answer.response, from, bytesMax);
    await save(answer, from, path, bytesMax, running);
  } catch (error) {
    answer.response.destroy();
    await rm(path, { force: true });
    throw error;
  }
}

async function followed(
  start: URL,
  allowedHosts: readonly string[],
  internet: Internet,
  running: Timer,
): Promise<{ answer: Answer; from: URL }> {
  let from = start;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const answer = await get(from, internet, running);
    if (!REDIRECT_STATUSES.has(answer.response.statusCode ?? 0)) return { answer, from };
    answer.response.destroy();
    from = redirected(answer.response.headers.location, from, allowedHosts);
  }
  throw new UserError(
    `The address on ${shownHost(start)} redirects more than ${REDIRECTS_MAX} times. Name the image’s final address.`,
  );
}

/** The host chooses where it redirects to, so the sentence repeats only the target's host to the caller. */
function redirected(location: string | undefined, from: URL, allowedHosts: readonly string[]): URL {
  const target = location === undefined ? null : URL.parse(location, from.href);
  try {
    return checkImageUrl(target?.href ?? 'no address', allowedHosts);
  } catch (cause) {
    const to = target?.host ? `${target.protocol}//${shownHost(target)}` : 'no address';
    throw new UserError(
      `The host ${shownHost(from)} redirects to ${to}, which this server does not accept. Upload the image instead.`,
      { cause },
    );
  }
}

function checkHead({ statusCode = 0, headers }: IncomingMessage, from: URL, bytesMax: number): void {
  const answered = `The host ${shownHost(from)} answered with status ${statusCode} instead of an image.`;
  if (TRY_AGAIN_STATUSES.has(statusCode) || statusCode >= 500) {
    throw new TransientError(`${answered} Try again later.`, { throttled: statusCode === 429 });
  }
  if (statusCode !== 200) throw new UserError(`${answered} Check the address.`);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new UserError(`The host ${shownHost(from)} compresses the image, which is not accepted. Upload the image instead.`);
  }
  if (Number(headers['content-length'] ?? 0) > bytesMax) throw tooLarge(from, bytesMax);
}

/** A failure to write the file is ours and is thrown as it is, for example a full disk; a failure to read the body is the host's. */
async function save({ response, brokeRules }: Answer, from: URL, path: string, bytesMax: number, running: Timer): Promise<void> {
  await using file = await open(path, 'w');
  let bytes = 0;
  for await (const chunk of chunksOf(response, from, running)) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(from, bytesMax);
    await file.writeFile(chunk); // appends: the handle keeps its position
    running.progressed();
  }
  if (brokeRules()) {
    throw new UserError(`The host ${shownHost(from)} sent more bytes than it announced. Upload the image instead.`);
  }
  if (bytes === 0) throw new UserError(`The host ${shownHost(from)} answered without any bytes. Check the address.`);
}

async function* chunksOf(response: IncomingMessage, from: URL, { signal }: Timer): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new TransientError(`The connection to ${shownHost(from)} broke off before the whole image arrived. Try again.`, {
      cause,
    });
  }
}

function tooLarge(from: URL, bytesMax: number): UserError {
  const limit = bytesMax.toLocaleString('en');
  return new UserError(`The image on ${shownHost(from)} must not be larger than ${limit} bytes. Name a smaller one.`);
}
