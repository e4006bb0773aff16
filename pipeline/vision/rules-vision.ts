// Vision without a model: writes the summary from counts, and says so. Reads no image.
import { UserError } from '../contract/errors.ts';
import type { ModelId } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { summaryByRules } from '../findings/rules-summary.ts';
import type { Vision } from '../ports.ts';

const SUMMARY = 'rules:summary';

export function rulesVision(): Vision {
  return {
    async moderate(model) {
      throw onlySummaries('moderate', model);
    },
    async detect(model) {
      throw onlySummaries('detect', model);
    },
    async verify(model) {
      throw onlySummaries('verify', model);
    },
    async summarize(model, material) {
      if (model !== SUMMARY) throw new UserError(`The model ${model} does not exist. Choose ${SUMMARY}.`);
      return { summary: summaryByRules(material), usage: NO_USAGE };
    },
  };
}

function onlySummaries(verb: string, model: ModelId): UserError {
  return new UserError(`The model ${model} cannot ${verb}: it only writes summaries. Choose an onnx: or language model.`);
}
