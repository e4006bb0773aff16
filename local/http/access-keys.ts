// The access keys that may sign requests to this server, from a JSON file that only its owner can read. Must not know requests.
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { UserError } from '../../pipeline/contract/errors.ts';

const ANY_ACCESS_BUT_OWNER = 0o077;
const FORM = '{"keys":[{"access_key_id":"AKIA…","secret_access_key":"…","principal":"a name"}]}';

const KeysFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        access_key_id: z.string().regex(/^[A-Z0-9]{16,128}$/), // the form of IAM's key ids
        secret_access_key: z.string().min(16),
        session_token: z.string().min(1).optional(),
        principal: z.string().min(1).max(64), // the maximum of an IAM user name
      }),
    )
    .min(1),
});

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  /** Temporary credentials have one, and each request must bring it; `null` for permanent ones. */
  sessionToken: string | null;
  /** Who signs with the key. It is logged. */
  principal: string;
}

/** Keys by their id. Throws a UserError if anyone but the owner can read the file, or its content is invalid. Never shows the content. */
export async function readAccessKeys(file: string): Promise<ReadonlyMap<string, AccessKey>> {
  const parsed = KeysFile.safeParse(jsonIn(await readPrivate(file, FORM)));
  if (!parsed.success) {
    const where = at(parsed.error.issues, 0).path.join('.');
    throw new UserError(`${file} must hold ${FORM}. It is invalid${where && ` at ${where}`}. Correct the file.`);
  }
  const keys = parsed.data.keys.map(
    (key): AccessKey => ({
      accessKeyId: key.access_key_id,
      secretAccessKey: key.secret_access_key,
      sessionToken: key.session_token ?? null,
      principal: key.principal,
    }),
  );
  const byId = new Map(keys.map((key) => [key.accessKeyId, key]));
  if (byId.size < keys.length) throw new UserError(`${file} holds one access_key_id twice. Remove one of them.`);
  return byId;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the parser's message would show a part of the file
  }
}

/**
 * The text of a file that holds secrets; `form` is what to write to it. Throws a UserError if it cannot be read, or if anyone but the
 * owner can read it. Checks the mode of the opened file, so that it cannot change before the read.
 */
export async function readPrivate(file: string, form: string): Promise<string> {
  const handle = await open(file).catch((cause) => {
    throw new UserError(`${file} cannot be read. Write ${form} to it, with mode 600.`, { cause });
  });
  try {
    const { mode } = await handle.stat();
    if (mode & ANY_ACCESS_BUT_OWNER) {
      const shown = (mode & 0o777).toString(8).padStart(3, '0');
      throw new UserError(`Only the owner may have access to ${file}, but its mode is ${shown}. Run chmod 600 on it.`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
