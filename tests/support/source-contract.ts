// The contract of image sources. tests/contract/source-contract.test.ts runs it for each source.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../pipeline/contract/errors.ts';
import { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { NamedImage, OpenSource } from '../../pipeline/sources/source.ts';
import { temporaryFolder } from './folder.ts';

export interface SourceUnderTest {
  /** The source with an image that may be named and that holds `bytes`. */
  make(bytes: Uint8Array): Promise<{
    source: OpenSource;
    blobs: Blobs;
    image: string;
    /** A name that is allowed, but that no image has. */
    missing: string;
    /** Names that are not allowed, although the source has their scheme. */
    forbidden: string[];
    /** Replaces the image. */
    replace(bytes: Uint8Array): Promise<void>;
  }>;
  /** Whether `resolve` reads the version of the image, and so knows whether it exists. */
  knowsVersions: boolean;
  /** How the pipeline reads the image: from the store, from a file, or with `download`. */
  kind: NamedImage['source']['kind'];
}

const BYTES = Buffer.from('the bytes of an image');
const ACCEPTED = 'an example';

export function sourceContract(name: string, { make, knowsVersions, kind }: SourceUnderTest): void {
  const place = async () => {
    const made = await make(BYTES);
    const { source, blobs } = made;
    return { ...made, resolve: (image: string) => source.resolve(image, { blobs, accepted: ACCEPTED }) };
  };

  describe(`${name} keeps the contract of sources:`, () => {
    test('it states what it accepts as a part of a sentence', async () => {
      const { source } = await place();
      expect(source.accepted).toMatch(/^an? [^.]+[^.\s]/);
    });

    test('an image resolves to what a request stores, with a stable version', async () => {
      const { resolve, image } = await place();
      const named = AnalysisRequest.shape.image.parse(await resolve(image));
      expect(named.source.kind).toBe(kind);
      expect(named.uri).toContain(image.slice(-8));
      expect(named.version).not.toBe('');
      expect(await resolve(image)).toEqual(named);
    });

    test('a forbidden name is a UserError of bounded length', async () => {
      const { resolve, forbidden } = await place();
      expect(forbidden).not.toEqual([]);
      for (const image of forbidden) expect((await refusal(resolve(image))).length).toBeLessThan(800);
    });

    if (knowsVersions) {
      test('a replaced image has another version', async () => {
        const { resolve, image, replace } = await place();
        const before = await resolve(image);
        await replace(Buffer.from('the bytes of another image'));
        expect((await resolve(image)).version).not.toBe(before.version);
      });

      test('a missing image is a UserError', async () => {
        const { resolve, missing } = await place();
        await refusal(resolve(missing));
      });
    }

    if (kind !== 'url') {
      test('it downloads nothing: the pipeline reads the image where it is', async () => {
        const { source } = await place();
        expect(source.download).toBeUndefined();
      });
      return;
    }

    test('the download of an image has the same bytes, up to exactly the limit', async () => {
      const { source, resolve, image } = await place();
      const { uri, version } = await resolve(image);
      expect(await downloaded(source, uri, BYTES.length, version)).toEqual(BYTES);
      expect(await refusal(downloaded(source, uri, BYTES.length - 1, version))).toContain('must not be larger than');
    });

    test('the download of a missing or forbidden image is a UserError', async () => {
      const { source, missing, forbidden } = await place();
      for (const image of [missing, ...forbidden]) await refusal(downloaded(source, image, BYTES.length));
    });

    if (knowsVersions) {
      test('an image that was replaced after it was named is not downloaded', async () => {
        const { source, resolve, image, replace } = await place();
        const { uri, version } = await resolve(image);
        await replace(Buffer.from('a different image!!!!'));
        expect(await refusal(downloaded(source, uri, 1_000, version))).toContain('has changed since it was named');
      });
    }
  });
}

/** The sentence of a UserError. */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error: unknown = await attempt.catch((thrown: unknown) => thrown);
  if (error instanceof UserError) return error.message;
  throw new Error(`Expected a UserError, got ${JSON.stringify(error)}.`, { cause: error });
}

/** Into a folder of its own, which is empty again after a failure. */
async function downloaded({ download }: OpenSource, url: string, bytesMax: number, version?: string): Promise<Buffer> {
  if (!download) throw new Error('A source of kind url needs a download.');
  const folder = await temporaryFolder();
  try {
    await download(url, join(folder, 'image'), bytesMax, version);
  } catch (error) {
    expect(await readdir(folder)).toEqual([]);
    throw error;
  }
  return await readFile(join(folder, 'image'));
}
