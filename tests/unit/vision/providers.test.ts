import { describe, expect, it } from 'vitest';
import { NO_USAGE } from '../../../pipeline/contract/usage.ts';
import type { Vision } from '../../../pipeline/ports.ts';
import { visionByProvider } from '../../../pipeline/vision/providers.ts';
import { rulesVision } from '../../../pipeline/vision/rules-vision.ts';

const image = { bytes: new Uint8Array(), width: 1, height: 1 };
const ask = { look_for: null, labels: [] };
const named: Vision = {
  moderate: async () => ({ allowed: true, usage: NO_USAGE }),
  detect: async (model) => ({ detections: [], usage: NO_USAGE, clipped: 0, notes: [`called with ${model}`] }),
  verify: async () => ({ verdict: 'confirmed', usage: NO_USAGE }),
  summarize: async (model) => ({ summary: `written by ${model}`, usage: NO_USAGE }),
};
const vision = visionByProvider({ onnx: named, rules: rulesVision() });

describe('visionByProvider', () => {
  it('calls the provider of the prefix, with the whole model id', async () => {
    expect((await vision.detect('onnx:nanodet', image, ask)).notes).toEqual(['called with onnx:nanodet']);
    await expect(vision.detect('rules:summary', image, ask)).rejects.toThrow(
      'The model rules:summary cannot detect: it only writes summaries. Choose an onnx: or language model.',
    );
  });

  it('names the known providers if it gets another prefix', async () => {
    const refusal = {
      name: 'UserError',
      message: 'The model bedrock:nova has an unknown provider. Choose a model that begins with onnx: or rules:.',
    };
    await expect(vision.moderate('bedrock:nova', image)).rejects.toMatchObject(refusal);
    await expect(vision.detect('constructor:x', image, ask)).rejects.toMatchObject({ name: 'UserError' });
  });
});
