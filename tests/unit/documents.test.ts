import { describe, expect, test } from 'vitest';
import { documents, readDocument, readExisting, writeDocument, writeNewDocument } from '../../pipeline/documents.ts';
import { contentTypeOf } from '../../pipeline/findings/content-type.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { GOOD_CALIBRATION } from '../support/good-calibration.ts';

function memory() {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    get: async (key: string) => objects.get(key) ?? null,
    put: async (key: string, bytes: Uint8Array) => void objects.set(key, bytes),
    async putNew(key: string, bytes: Uint8Array) {
      if (objects.has(key)) return false;
      objects.set(key, bytes);
      return true;
    },
  };
}

describe('a document', () => {
  test('is read as it was written', async () => {
    const blobs = memory();
    const states = { from: 3, indexes: null, states: 'wld' };
    await writeDocument(stepDocuments.tileStates('executions/e1/tiles/0.json'), states, blobs);
    expect(await readDocument(stepDocuments.tileStates('executions/e1/tiles/0.json'), blobs)).toEqual(states);
  });

  test('is null if there is none, and an error where it must exist', async () => {
    const blobs = memory();
    expect(await readDocument(documents.launched('e1'), blobs)).toBeNull();
    await expect(readExisting(documents.launched('e1'), blobs)).rejects.toThrow(
      'Expected a document at executions/e1/launched.json, but there is none.',
    );
  });

  test.each(['', '{', 'null', '{"arn":3}'])('with the content %j is refused with its key and the cause', async (content) => {
    const blobs = memory();
    blobs.objects.set('executions/e1/launched.json', Buffer.from(content));
    const error = await readDocument(documents.launched('e1'), blobs).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      name: 'UserError',
      message:
        'The stored document executions/e1/launched.json is damaged. Restore it from a backup, or delete its execution and start it again.',
      cause: expect.any(Error),
    });
  });

  test('that exists is not written as a new one', async () => {
    const blobs = memory();
    expect(await writeNewDocument(documents.launched('e1'), { arn: 'first' }, blobs)).toBe(true);
    expect(await writeNewDocument(documents.launched('e1'), { arn: 'second' }, blobs)).toBe(false);
    expect(await readDocument(documents.launched('e1'), blobs)).toEqual({ arn: 'first' });
  });
});

test('documents of an execution are JSON by the end of their key', () => {
  const {
    wait,
    waitAt,
    tileStates,
    tileResults,
    blankTiles,
    indexEntry,
    shardProgress,
    tileStepResult,
    thought,
    look,
    ...ofExecution
  } = {
    ...documents,
    ...stepDocuments,
  };
  const steps = [thought, look, wait].map((document) => document('e1', 'think-0').key);
  const keys = [...Object.values(ofExecution).map((document) => document('e1').key), shardProgress('e1', 0).key, ...steps];
  expect(contentTypeOf(waitAt('executions/e1/waits/w.json').key)).toBe('application/json');
  expect(keys.filter((key) => contentTypeOf(key) !== 'application/json')).toEqual([]);
});

describe('a calibration', () => {
  const MODEL = 'openai:qwen/../../m';
  const measured = {
    model: MODEL,
    coordinates: 'pixels-y-first',
    seen_longer_px: 800,
    ...GOOD_CALIBRATION,
  };

  test('has a key in its folder, whatever the name of the model', async () => {
    const blobs = memory();
    await writeDocument(stepDocuments.calibration(MODEL), measured, blobs);
    expect([...blobs.objects.keys()]).toEqual(['calibration/openai%3Aqwen%2F..%2F..%2Fm.json']);
    expect(await readDocument(stepDocuments.calibration(MODEL), blobs)).toEqual(measured);
  });

  test.each([
    { coordinates: 'bananas' },
    { seen_longer_px: 0 },
    { seen_longer_px: -5 },
    { seen_longer_px: 0.5 },
    { mean_error_percent: null },
    { model: 'openai:another' },
  ])('with %j is refused with what helps', async (damage) => {
    const blobs = memory();
    const document = stepDocuments.calibration(MODEL);
    blobs.objects.set(document.key, Buffer.from(JSON.stringify({ ...measured, ...damage })));
    await expect(readDocument(document, blobs)).rejects.toMatchObject({
      name: 'UserError',
      message: `The stored document ${document.key} is damaged. Measure the model again with "npx tilesight calibrate ${MODEL}", or delete the document.`,
    });
  });
});
