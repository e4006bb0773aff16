// Lets only the user of the data folder call a server that a client of MCP started: other users of the machine can reach its port, too.
import type { MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { isSame } from './running-server.ts';

export const FOLDERS_HEADER = 'tilesight-allowed-folders';

const BEARER = 'Bearer ';
/** Links carry their own signature, and a health check reveals nothing. */
const OPEN = /^\/(blobs\/|healthz$)/;
const COOKIE = 'tilesight';
const REFUSAL = 'Use the address with the key that tilesight wrote to the log of its client: see docs/stdio.md.\n';

/** Requests bring the token as a bearer. A browser brings it once, as `/?key=`, and then as a cookie. */
export function tokenGate(token: string): MiddlewareHandler {
  return async (context, next) => {
    const { path } = context.req;
    if (OPEN.test(path) || hasToken(context.req.raw, token)) return await next();
    const key = context.req.query('key');
    if (path === '/' && key !== undefined && isSame(key, token)) {
      setCookie(context, COOKIE, token, { httpOnly: true, sameSite: 'Lax', path: '/' });
      return context.redirect('/');
    }
    if (isSame(getCookie(context, COOKIE) ?? '-', token)) return await next();
    return context.text(REFUSAL, 401);
  };
}

export function hasToken(request: Request, token: string): boolean {
  const sent = request.headers.get('authorization');
  return sent?.startsWith(BEARER) === true && isSame(sent.slice(BEARER.length), token);
}

/** Headers of a request for a process of the same user, which brings the folders that its client allows. */
export function headersOf(token: string, allowedFolders: readonly string[]): Record<string, string> {
  return { authorization: BEARER + token, [FOLDERS_HEADER]: allowedFolders.map(encodeURIComponent).join(',') };
}

/** The folders that a request brings; none without the token. */
export function foldersOf(request: Request, token: string): string[] {
  const sent = hasToken(request, token) ? request.headers.get(FOLDERS_HEADER) : null;
  return sent ? sent.split(',').map(decodeURIComponent) : [];
}
