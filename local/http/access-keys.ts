// The keys that may sign requests to this server: a JSON file that only its owner can read. Knows nothing of requests.
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';

const OTHERS = 0o077; // group and everybody else, any access
const FORM = '{"keys":[{"access_key_id":"AKIA…","secret_access_key":"…","principal":"a name"}]}';

const KeysFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        access_key_id: z.string().regex(/^[A-Z0-9]{16,128}$/), // as IAM makes them
        secret_access_key: z.string().min(16),
        principal: z.string().min(1).max(64), // as long as the name of an IAM user
      }),
    )
    .min(1),
});

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  /** Who signs with it; goes to the log. */
  principal: string;
}

/** Keys by their id. Throws a UserError when others may read the file, or it holds something else; never says what it holds. */
export async function readAccessKeys(file: string): Promise<ReadonlyMap<string, AccessKey>> {
  const parsed = KeysFile.safeParse(await readPrivate(file));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') || 'the whole';
    throw new UserError(`Expected ${FORM} in ${file}, got something else at ${where}. Correct the file.`);
  }
  const keys = parsed.data.keys.map(
    (key): AccessKey => ({ accessKeyId: key.access_key_id, secretAccessKey: key.secret_access_key, principal: key.principal }),
  );
  const byId = new Map(keys.map((key) => [key.accessKeyId, key]));
  if (byId.size < keys.length) throw new UserError(`Expected every access_key_id once in ${file}, got one twice. Remove one.`);
  return byId;
}

/** The mode is asked of the opened file, so that it is the mode of what is read. */
async function readPrivate(file: string): Promise<unknown> {
  const handle = await open(file).catch((cause) => {
    throw new UserError(`Expected a file with keys at ${file}, got none that can be read. Write ${FORM} there, with mode 600.`, {
      cause,
    });
  });
  try {
    const { mode } = await handle.stat();
    const shown = (mode & 0o777).toString(8).padStart(3, '0');
    if (mode & OTHERS)
      throw new UserError(`Expected only the owner to read the keys in ${file}, got mode ${shown}. Run chmod 600 on it.`);
    const text = await handle.readFile('utf8');
    try {
      return JSON.parse(text);
    } catch {
      return null; // the parser's own words would show a part of the file
    }
  } finally {
    await handle.close();
  }
}
