// Admits requests that bring a token: the one of the data folder, which only processes of its user know, or the one that the operator of a
// server gave out. Must not know what the requests hold.
import type { MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Log } from '../../pipeline/ports.ts';
import { isSame } from './running-server.ts';

export const FOLDERS_HEADER = 'tilesight-allowed-folders';

/** The name of the scheme has no case: RFC 9110, section 11.1. */
const BEARER = /^Bearer +([^ ]+) *$/i;
/** Links carry their own signature, a health check reveals nothing, and clients that search for an issuer of tokens find none. */
const OPEN = /^\/(blobs\/|healthz$|\.well-known\/)/;
const COOKIE = 'tilesight';
const REFUSAL = 'Use the address with the key that tilesight wrote to the log of its client: see docs/stdio.md.\n';
const REFUSAL_OF_ISSUED =
  'This server needs its token. Send it as the header "Authorization: Bearer TOKEN", or open /?key=TOKEN once in a browser.\n';

export interface TokenGateDeps {
  /** Processes of the same user call with it. */
  own: string;
  /** All callers that have it may call; `null` if only processes of the same user may. */
  issued: string | null;
  /** Whether browsers reach the server by https only. */
  isEncrypted: boolean;
  log: Log;
}

/** Requests bring the token as a bearer. A browser brings it once, as `/?key=`, and then as a cookie. */
export function tokenGate({ own, issued, isEncrypted, log }: TokenGateDeps): MiddlewareHandler {
  const tokens = issued === null ? [own] : [own, issued];
  // Compares with each of them, so that the time does not depend on which one fits.
  const isToken = (sent: string | null | undefined) => tokens.filter((token) => isSame(sent ?? '-', token)).length > 0;
  return async (context, next) => {
    const { path } = context.req;
    const sent = bearerOf(context.req.raw);
    if (OPEN.test(path) || isToken(sent)) return await next();
    const key = context.req.query('key')?.replaceAll(' ', '+'); // a plus that was pasted as it is reads as a space
    if (path === '/' && key !== undefined && isToken(key)) {
      setCookie(context, COOKIE, key, { httpOnly: true, sameSite: 'Lax', path: '/', secure: isEncrypted });
      return context.redirect('/');
    }
    const cookie = getCookie(context, COOKIE);
    if (isToken(cookie)) return await next();
    const isWrong = context.req.header('authorization') !== undefined || key !== undefined || cookie !== undefined;
    if (issued !== null) log.warn({ fault: isWrong ? 'wrong token' : 'no token' }, 'Refused a request because of its token.');
    // RFC 6750, section 3: no error code if the request brought nothing.
    context.header('www-authenticate', `Bearer realm="tilesight"${isWrong ? ', error="invalid_token"' : ''}`);
    return context.text(issued === null ? REFUSAL : REFUSAL_OF_ISSUED, 401);
  };
}

function bearerOf(request: Request): string | null {
  return request.headers.get('authorization')?.match(BEARER)?.[1] ?? null;
}

export function bearer(token: string): string {
  return `Bearer ${token}`;
}

/** Headers of a request for a process of the same user, which brings the folders that its client allows. */
export function headersOf(token: string, allowedFolders: readonly string[]): Record<string, string> {
  return { authorization: bearer(token), [FOLDERS_HEADER]: allowedFolders.map(encodeURIComponent).join(',') };
}

/** The folders that a request brings; none without the token of the data folder. */
export function foldersOf(request: Request, token: string): string[] {
  const isOwn = isSame(bearerOf(request) ?? '-', token);
  const sent = isOwn ? request.headers.get(FOLDERS_HEADER) : null;
  return sent ? sent.split(',').map(decodeURIComponent) : [];
}
