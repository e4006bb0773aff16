// Links to single objects, on this server's own port: a signed token says which object, what may be done and until when.
import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { Clock, Links } from '../../pipeline/ports.ts';

const SECRET_BYTES = 32; // as long as the HMAC's hash

const Claims = z.object({ method: z.enum(['GET', 'PUT']), key: z.string(), bytesMax: z.number().optional() });
export type Claims = z.infer<typeof Claims>;

export interface LocalLinks extends Links {
  /** Throws a UserError when the token is not ours, was changed, has expired or is for another method. */
  claimsOf(token: string, method: Claims['method']): Promise<Claims>;
}

/** `origin` is known only once the server listens. */
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
      if (claims.method !== method)
        throw new UserError(`Expected a link for ${method}, got one for ${claims.method}. Ask for a new link.`);
      return claims;
    },
  };
}

async function verified(token: string, secret: Uint8Array, clock: Clock): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'], currentDate: clock.now() });
    return Claims.parse(payload);
  } catch (cause) {
    const fault = cause instanceof errors.JWTExpired ? 'one that has expired' : 'one that this server did not make';
    throw new UserError(
      `Expected a link of this server, got ${fault}. Ask for a new link with the tool that gave you this one.`,
      { cause },
    );
  }
}

/** Kept in a file that only its owner can read, so that links survive a restart. */
export async function readSecret(file: string): Promise<Uint8Array> {
  await mkdir(dirname(file), { recursive: true });
  const secret = await readFile(file).catch(async (error) => {
    if (!isCode(error, 'ENOENT')) throw error;
    await makeSecret(file);
    return await readFile(file);
  });
  if (secret.length === SECRET_BYTES) return secret;
  throw new UserError(`Expected ${SECRET_BYTES} bytes in ${file}, got ${secret.length}. Delete it; a new one is made.`);
}

/** The file appears whole or not at all, whenever the process is killed; one that another made meanwhile stays. */
async function makeSecret(file: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(temporary, randomBytes(SECRET_BYTES), { flag: 'wx', mode: 0o600, flush: true });
    await link(temporary, file);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
