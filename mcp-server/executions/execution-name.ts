// The name of an execution. In one deployment, the same image and request, or the same idempotency key, give the same name.
import { ownedId } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';

const HASH_CHARACTERS = 16; // 64 bits: among a billion names, two are equal with a chance of 1 in 37
const SLUG_CHARACTERS_MAX = 32;

/**
 * At most 62 characters of `[a-zA-Z0-9-_]`: the readable name of the file, or what the execution is for, a hash that makes it unique, and the owner. `deployment`
 * keeps the names of several deployments in one account apart; `null` if the launcher knows only this one.
 */
export async function executionName(
  request: Omit<AnalysisRequest, 'execution_id'>,
  idempotencyKey: string | null,
  deployment: string | null,
): Promise<string> {
  const asked = idempotencyKey ?? JSON.stringify(request);
  const hash = await hashOf(deployment === null ? asked : `${deployment}\n${asked}`);
  const slug = request.purpose ?? (idempotencyKey === null ? slugOf(request.image.uri) : 'key');
  return ownedId(`${slug}-${hash}`, request.owner);
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Buffer.from(digest).toString('hex').slice(0, HASH_CHARACTERS);
}

function slugOf(uri: string): string {
  const slug = uri
    .slice(uri.lastIndexOf('/') + 1)
    .replace(/\.[a-z0-9]+$/i, '')
    .replace(/[^a-zA-Z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return slug.slice(0, SLUG_CHARACTERS_MAX) || 'picture'; // decides names of executions that may run: never change it
}
