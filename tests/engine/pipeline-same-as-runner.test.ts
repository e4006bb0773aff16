// The pipeline's handler, unchanged, under the service's own test runner and on the engine: the same operations.
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { pipelineDeps, requestFor, runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, type Script, scriptedVision } from '../support/scripted-vision.ts';

beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: false }));
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

const SCRIPTS: [string, Script][] = [
  ['that finds something', { detect: () => [detectionOf('cat', [10, 10, 50, 50])] }],
  [
    'of which a tile fails permanently',
    {
      detect(tile) {
        if (tile.width < 256) throw new AnswerError('Expected a wide tile, got a narrow one. Choose another.');
        return [];
      },
    },
  ],
  ['that is blocked', { moderate: () => ({ allowed: false, category: 'Porn', score: 0.9, usage: NO_USAGE }) }],
];

test.each(SCRIPTS)('an analysis %s leaves the same operations on both', async (_, script) => {
  const image = await greyImage(700, 600);

  const onEngine = await runPipeline(image, scriptedVision(script));
  const operations = onEngine.operations.filter(({ Type }) => Type !== 'EXECUTION');

  const deps = await pipelineDeps(await temporaryFolder(), scriptedVision(script));
  const runner = new LocalDurableTestRunner({ handlerFunction: durablePipeline(deps) });
  const underRunner = await runner.run({ payload: requestFor(image) });

  const named = operations.map(({ Type, Name, Status }) => `${Type} ${Name} ${Status}`);
  const ran = underRunner
    .getOperations()
    .map((operation) => `${operation.getType()} ${operation.getName()} ${operation.getStatus()}`);
  expect(ran.toSorted()).toEqual(named.toSorted());
  expect(ran.length).toBeGreaterThan(2);
  expect(underRunner.getResult()).toMatchObject({ status: onEngine.progress.status });
});
