// Finds the server that uses a data folder, so that another process of the same user can use it too. The server leaves its address in
// the folder, and proves with the folder's secret that the address is still its own.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const ANSWER_MS_MAX = 2_000;
const CHALLENGE = /^[0-9a-f]{32}$/;

/** `access` is who may call the server: every process of this machine, those with the token, or those that sign requests. */
const Address = z.object({ url: z.url(), access: z.enum(['open', 'token', 'iam']) });
export type Address = z.infer<typeof Address>;

const fileIn = (dataFolder: string) => join(dataFolder, 'server.json');

/** Stays when the server ends: the next one prefers the same port, so that links and the address of the page remain valid. */
export async function writeAddress(dataFolder: string, address: Address): Promise<void> {
  const temporary = `${fileIn(dataFolder)}.${process.pid}.part`;
  await writeFile(temporary, JSON.stringify(address), { mode: 0o600 });
  await rename(temporary, fileIn(dataFolder));
}

/** The address of the last server; `null` if there was none. It may have ended. */
export async function readAddress(dataFolder: string): Promise<Address | null> {
  const text = await readFile(fileIn(dataFolder), 'utf8').catch(() => '');
  try {
    return Address.parse(JSON.parse(text));
  } catch {
    return null; // also if another version wrote it
  }
}

/** What a caller of a server with access `token` must know. Only the owner of the data folder can read the secret. */
export function tokenOf(secret: Uint8Array): string {
  return createHmac('sha256', secret).update('access token').digest('base64url');
}

/** The token of the data folder; `null` if no server has used it yet. */
export async function readToken(secretFile: string): Promise<string | null> {
  const secret = await readFile(secretFile).catch(() => null);
  return secret && tokenOf(secret);
}

/** The response to a challenge; `null` if it is not one. */
export function proofOf(token: string, challenge: string): string | null {
  return CHALLENGE.test(challenge) ? createHmac('sha256', token).update(`challenge ${challenge}`).digest('hex') : null;
}

/** Whether the server of this data folder answers at the address. After its end, the port may be another program's. */
export async function isRunning(url: string, token: string): Promise<boolean> {
  const challenge = randomBytes(16).toString('hex');
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(new URL(`/healthz?challenge=${challenge}`, url), { signal, redirect: 'error' });
    return isSame((await response.text()).trim(), proofOf(token, challenge) ?? challenge);
  } catch {
    return false;
  }
}

export function isSame(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length === second.length && timingSafeEqual(first, second);
}
