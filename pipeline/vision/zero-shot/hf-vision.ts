// Vision by zero-shot detectors of Hugging Face, without a network: hf:NAME detects what a request names in words. Runs no model: a pool of
// worker processes does.
import { UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import type { Vision } from '../../ports.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { wordNotes, wordsOf } from '../../providers/zero-shot-words.ts';
import { countNotes, highestScores, OBJECTS_MAX } from '../onnx/highest-scores.ts';
import { Detected, tileLimit } from '../onnx/model-jobs.ts';
import { sharedPool } from '../onnx/shared-pools.ts';
import type { DetectorRegistry } from '../registered-detectors.ts';

export function hfVision(detectors: Pick<DetectorRegistry, 'zeroShot'>, executionProvider: ExecutionProvider = 'cpu'): Vision {
  return {
    async moderate(model) {
      throw cannot('moderate', model);
    },
    async detect(model, tile, ask) {
      const { folder, kind, version } = await detectors.zeroShot(model);
      const words = wordsOf(ask);
      const notes = wordNotes(model, ask);
      if (words.length === 0) return { detections: [], usage: NO_USAGE, clipped: 0, notes, version };
      const job = { model: { folder, kind, version, words }, result: Detected, limit: tileLimit(model) };
      const { detections } = await sharedPool(executionProvider).run(job, tile, ask.min_score);
      return {
        detections: highestScores(detections, OBJECTS_MAX),
        usage: NO_USAGE,
        clipped: 0,
        notes: [...notes, ...countNotes(model, detections.length, OBJECTS_MAX)],
        version,
      };
    },
    async verify(model) {
      throw cannot('verify', model);
    },
    async summarize(model) {
      throw cannot('summarize', model);
    },
  };
}

function cannot(verb: string, model: ModelId): UserError {
  return new UserError(`The model ${model} cannot ${verb}: hf: models only detect. Choose a model of another provider.`);
}
