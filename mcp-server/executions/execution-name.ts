// The name of an execution: the same image and request, or the same idempotency key, have the same one.

import { ownedId } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';

const HASH_CHARACTERS = 16; // 64 bits: a collision among a billion names is a matter of 1 in 37
const SLUG_CHARACTERS_MAX = 32;

/** At most 62 of `[a-zA-Z0-9-_]`: readable from the file's name, unique by a hash, at its end who owns it. */
export async function executionName(
  request: Omit<AnalysisRequest, 'execution_id'>,
  idempotencyKey: string | null,
): Promise<string> {
  const hash = await hashOf(idempotencyKey ?? JSON.stringify(request));
  return ownedId(`${idempotencyKey === null ? slugOf(request.image.uri) : 'key'}-${hash}`, request.owner);
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Buffer.from(digest).toString('hex').slice(0, HASH_CHARACTERS);
}

function slugOf(uri: string): string {
  const name = uri.split('/').at(-1) ?? '';
  const slug = name
    .replace(/\.[a-z0-9]+$/i, '')
    .replace(/[^a-zA-Z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return slug.slice(0, SLUG_CHARACTERS_MAX) || 'picture'; // decides names of executions that may run: never change it
}
