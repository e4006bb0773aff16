// The content type of a stored object: exports have theirs in the registry, documents go by the end of their key. Pure.
import { documentContentType, exportPathIn } from '../contract/keys.ts';
import { EXPORT_FILES, isStoredAs } from './exports/index.ts';

export function contentTypeOf(key: string): string {
  const path = exportPathIn(key);
  const file = path === null ? undefined : EXPORT_FILES.find((one) => isStoredAs(one, path));
  return file?.contentType ?? documentContentType(key);
}
