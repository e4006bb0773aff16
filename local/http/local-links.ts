// Links to single objects on this server's own port. A signed token holds the object's key, the method and the expiry.
import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { codeOf, UserError } from '../../pipeline/contract/errors.ts';
import type { Clock, Links } from '../../pipeline/ports.ts';

const SECRET_BYTES = 32; // as long as the HMAC's hash

const Claims = z.discriminatedUnion('method', [
  z.object({ method: z.literal('GET'), key: z.string() }),
  z.object({ method: z.literal('PUT'), key: z.string(), bytesMax: z.number() }),
]);
type Claims = z.infer<typeof Claims>;
type Method = Claims['method'];
type ClaimsFor<M extends Method> = Extract<Claims, { method: M }>;

export interface LocalLinks extends Links {
  /** Throws a UserError if this server did not issue the token, or it was changed, has expired or is for the other method. */
  claimsOf<M extends Method>(token: string, method: M): Promise<ClaimsFor<M>>;
}

/** `origin` is a function because it is known only when the server listens. */
export function localLinks(secret: Uint8Array, origin: () => string, clock: Clock): LocalLinks {
  const linkTo = async (claims: Claims, expiresInS: number) => {
    const expires = Math.floor(clock.now().getTime() / 1_000) + expiresInS;
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expires).sign(secret);
    return `${origin()}/blobs/${token}`;
  };
  return {
    async forPut(key, { bytesMax, expiresInS }) {
      return { url: await linkTo({ method: 'PUT', key, bytesMax }, expiresInS), headers: {} };
    },
    forGet: (key, { expiresInS }) => linkTo({ method: 'GET', key }, expiresInS),
    async claimsOf(token, method) {
      const claims = await verified(token, secret, clock);
      if (isFor(method, claims)) return claims;
      throw new UserError(`This link is for ${claims.method}, not for ${method}. Ask for a new link.`);
    },
  };
}

function isFor<M extends Method>(method: M, claims: Claims): claims is ClaimsFor<M> {
  return claims.method === method;
}

async function verified(token: string, secret: Uint8Array, clock: Clock): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'], currentDate: clock.now() });
    return Claims.parse(payload);
  } catch (cause) {
    const fault = cause instanceof errors.JWTExpired ? 'This link has expired.' : 'This server did not issue this link.';
    throw new UserError(`${fault} Ask for a new one with the tool that returned it.`, { cause });
  }
}

/** The secret that signs links. It is kept in a file that only its owner can read, so that links survive a restart. */
export async function readSecret(file: string): Promise<Uint8Array> {
  await mkdir(dirname(file), { recursive: true });
  const secret = await readFile(file).catch(async (error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    await createSecret(file);
    return await readFile(file);
  });
  if (secret.length === SECRET_BYTES) return secret;
  throw new UserError(
    `${file} must hold ${SECRET_BYTES} bytes, but holds ${secret.length}. Delete it: the server creates a new one.`,
  );
}

/** Creates the file whole or not at all, even if the process is killed. Keeps a file that another process created meanwhile. */
async function createSecret(file: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(temporary, randomBytes(SECRET_BYTES), { flag: 'wx', mode: 0o600, flush: true });
    await link(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
