// Vision without a model: writes the summary by rules, and says so. Looks at no image.

import { UserError } from '../contract/errors.ts';
import type { ModelId } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { summaryByRules } from '../findings/rules-summary.ts';
import type { Vision } from '../ports.ts';

const SUMMARY = 'rules:summary';

export function rulesVision(): Vision {
  return {
    async moderate(model) {
      throw notASummary('moderate', model);
    },
    async detect(model) {
      throw notASummary('detect', model);
    },
    async verify(model) {
      throw notASummary('verify', model);
    },
    async summarize(model, material) {
      if (model !== SUMMARY) throw new UserError(`Expected ${SUMMARY} for a summary by rules, got ${model}. Choose ${SUMMARY}.`);
      return { summary: summaryByRules(material), usage: NO_USAGE };
    },
  };
}

function notASummary(verb: string, model: ModelId): UserError {
  return new UserError(
    `Expected a model that can ${verb}, got ${model}, which only writes summaries. Choose for example an onnx: model.`,
  );
}
