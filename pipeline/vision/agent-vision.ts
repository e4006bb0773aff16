// The agent that called is no model that can be called: its tiles wait in the execution until it asks for them (agent-detection.ts).
// Whatever calls it as a model gets a sentence.
import { UserError } from '../contract/errors.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { Vision } from '../ports.ts';
import { AGENT_MODEL } from '../providers/agent-model.ts';

export function agentVision(): Vision {
  return {
    async moderate(model) {
      throw cannot('moderate', model);
    },
    async detect(model) {
      throw cannot('be called', model);
    },
    async verify(model) {
      throw cannot('be called', model);
    },
    async summarize(model) {
      throw cannot('summarize', model);
    },
  };
}

function cannot(verb: string, model: ModelId): UserError {
  const remedy = 'Name it in models.detection or models.verification of analyze_image, or choose another model.';
  if (model !== AGENT_MODEL) return new UserError(`The model ${model} does not exist. The agent itself is ${AGENT_MODEL}.`);
  return new UserError(`The model ${model} cannot ${verb}: it is the agent itself, which detects and verifies. ${remedy}`);
}
