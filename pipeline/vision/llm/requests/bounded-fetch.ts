// `fetch` for the clients of models: limits what a server may send, and where it may send the image and the key to. Knows no wire format.
import { AnswerError, sentenceOf, UserError } from '../../../contract/errors.ts';

/** The most of one answer, unpacked: 12,288 tokens are about 50 KB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Those that keep the method and the body of a request. */
const REDIRECTS = [307, 308];
const REDIRECTS_MAX = 3;

/** Reads the whole answer: clients that stream cannot use it. */
export const boundedFetch: typeof fetch = async (address, init) => {
  let url = new URL(address instanceof Request ? address.url : address);
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const location = REDIRECTS.includes(response.status) ? response.headers.get('location') : null;
    if (location === null) return await wholeOf(response, keyIn(new Headers(init?.headers)));
    await response.body?.cancel();
    url = redirected(url, location, redirects);
  }
};

/** Our own error that ended a call, which the clients wrap; `null` if there is none. */
export function ownErrorIn(error: unknown): Error | null {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && sentenceOf(cause) === cause.message ? cause : null;
}

/** A server may name another path or https, but no other host: the image and the key would go there, too. */
function redirected(from: URL, location: string, redirects: number): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  const isSafe = to?.hostname === from.hostname && (to.protocol === from.protocol || to.protocol === 'https:');
  if (to && isSafe && redirects < REDIRECTS_MAX) return to;
  throw new UserError(
    `The server of the model at ${from.host} redirects to another address. Set the base URL of its provider to that address.`,
  );
}

/** Shorter ones, such as the `none` of a server without keys, are words. */
const KEY_CHARACTERS_MIN = 8;

function keyIn(headers: Headers): string | null {
  const key = headers.get('x-api-key') ?? headers.get('authorization')?.replace(/^Bearer /i, '');
  return key !== undefined && key.length >= KEY_CHARACTERS_MIN ? key : null;
}

/** A server may repeat the key in its answer, whose words go to the log. */
async function wholeOf(response: Response, key: string | null): Promise<Response> {
  const { status, statusText, headers } = response;
  if (response.body === null) return response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new AnswerError(`The answer of the model is longer than ${ANSWER_BYTES_MAX} bytes. Choose another model.`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const hasKey = key !== null && body.includes(key);
  return new Response(hasKey ? body.toString().replaceAll(key, '[key]') : body, { status, statusText, headers });
}
