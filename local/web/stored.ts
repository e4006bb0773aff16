// One stored document, parsed.
import type { Blobs } from '../../pipeline/ports.ts';

/** Null when there is no such object. */
export async function stored<T>(
  key: string,
  schema: { parse(value: unknown): T },
  { get }: Pick<Blobs, 'get'>,
): Promise<T | null> {
  const bytes = await get(key);
  return bytes && schema.parse(JSON.parse(Buffer.from(bytes).toString()));
}
