// Asks for the head of an object, and for the reason if that is refused: an answer to HEAD has no body, and so no code of its error.
import type { HeadObjectCommandInput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { factsOf } from '../../contract/aws-errors.ts';
import { UserError } from '../../contract/errors.ts';
import type { S3 } from './s3-client.ts';
import { bodyOf } from './s3-object.ts';

type ObjectName = Pick<HeadObjectCommandInput, 'Bucket' | 'Key'>;

const FIRST_BYTE = { Range: 'bytes=0-0' };

/** For an object of our own bucket. Its role may read it, so a 403 explains itself. Throws as the SDK does. */
export async function ownHead(
  { client, HeadObjectCommand, GetObjectCommand }: S3,
  object: ObjectName,
): Promise<HeadObjectCommandOutput> {
  try {
    return await client.send(new HeadObjectCommand(object));
  } catch (error) {
    if (factsOf(error).status !== 400) throw error;
    bodyOf(await client.send(new GetObjectCommand({ ...object, ...FIRST_BYTE }))).stream.destroy();
    throw error;
  }
}

/** For an object of a foreign bucket. Throws `whenCharged` as a UserError if the bucket charges its readers. */
export async function foreignHead(
  { client, HeadObjectCommand, GetObjectCommand }: S3,
  object: ObjectName,
  whenCharged: string,
): Promise<HeadObjectCommandOutput> {
  try {
    return await client.send(new HeadObjectCommand(object));
  } catch (error) {
    const { status } = factsOf(error);
    if (status !== 400 && status !== 403) throw error;
    // A bucket that charges its readers answers 403 to a request that does not offer to pay. One request shows which it is.
    const found = await client.send(new GetObjectCommand({ ...object, ...FIRST_BYTE, RequestPayer: 'requester' }));
    bodyOf(found).stream.destroy();
    throw found.RequestCharged === 'requester' ? new UserError(whenCharged, { cause: error }) : error;
  }
}
