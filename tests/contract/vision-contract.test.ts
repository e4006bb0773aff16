// Every provider keeps the contract of Vision. Language models are scripted behind the real wire format; local ones are real.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ProviderName } from '../../pipeline/providers/provider-registry.ts';
import { agentVision } from '../../pipeline/vision/agent-vision.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { rulesVision } from '../../pipeline/vision/rules-vision.ts';
import { hfVision } from '../../pipeline/vision/zero-shot/hf-vision.ts';
import { anthropicServer, toolCall } from '../support/anthropic-server.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { bedrockServer, toolUse } from '../support/bedrock-server.ts';
import { temporaryFolder } from '../support/folder.ts';
import { completion, openaiServer } from '../support/openai-server.ts';
import { type VisionUnderTest, visionContract } from '../support/vision-contract.ts';

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

const CAT = {
  label: 'Cat',
  left: 400,
  top: 300,
  right: 600,
  bottom: 700,
  score: 0.9,
  severity: 'info',
  description: 'a cat',
  text: '',
};
/** The answers of a model that is careless with boxes and labels. */
const FORMS: Record<string, object> = {
  report_detections: { detections: [CAT, { ...CAT, left: -20, bottom: 1_300 }, { ...CAT, label: 'dog' }, { ...CAT, right: 0 }] },
  report_verification: { verdict: 'corrected', ...CAT, bottom: 1_300 },
  report_judgements: {
    judgements: [
      { claim: 2, verdict: 'corrected', ...CAT, bottom: 1_300 },
      { claim: '1', verdict: 'Confirmed', ...CAT },
      { claim: 2, verdict: 'rejected', ...CAT },
      { claim: 7, verdict: 'rejected', ...CAT },
    ],
  },
  report_verdict: { verdict: 'blocked', category: 'gore', score: 0.8 },
  report_summary: { summary: 'A cat [f1] sits on the lawn.' },
};

/** One row for each provider: without it, this does not compile. */
const PROVIDERS_UNDER_TEST = {
  anthropic: {
    async make() {
      const { baseUrl } = await anthropicServer(({ body }) => {
        const name = body.tools[0]?.name ?? 'none';
        if (body.model !== 'claude-seeing') return { status: 404, type: 'not_found_error' };
        return toolCall(name, FORMS[name]);
      });
      return anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' });
    },
    models: {
      moderate: 'anthropic:claude-seeing',
      detect: 'anthropic:claude-seeing',
      verify: 'anthropic:claude-seeing',
      summarize: 'anthropic:claude-seeing',
    },
    unknown: 'anthropic:claude-blind',
  },
  bedrock: {
    async make() {
      const { endpoint } = await bedrockServer(({ model, body }) => {
        const name = body.toolConfig.tools[0]?.toolSpec.name ?? 'none';
        if (model !== 'example.seeing-v1:0') return { error: 'ResourceNotFoundException', status: 404 };
        return toolUse(name, FORMS[name]);
      });
      return bedrockVision({ endpoint });
    },
    models: {
      moderate: 'bedrock:example.seeing-v1:0',
      detect: 'bedrock:example.seeing-v1:0',
      verify: 'bedrock:example.seeing-v1:0',
      summarize: 'bedrock:example.seeing-v1:0',
    },
    unknown: 'bedrock:example.blind-v1:0',
  },
  openai: {
    async make() {
      const { baseUrl } = await openaiServer(({ body }) => {
        if (body.model !== 'seeing:8b') return { status: 404, code: 'model_not_found' };
        return completion({ content: JSON.stringify(FORMS[body.response_format.json_schema.name]) });
      });
      return openaiVision({ baseUrl, apiKey: null });
    },
    models: {
      moderate: 'openai:seeing:8b',
      detect: 'openai:seeing:8b',
      verify: 'openai:seeing:8b',
      summarize: 'openai:seeing:8b',
    },
    unknown: 'openai:blind:8b',
  },
  onnx: {
    make: async () => onnxVision(),
    models: { moderate: 'onnx:nsfw', detect: 'onnx:nanodet', verify: null, summarize: null },
    unknown: 'onnx:blind',
  },
  // It detects what words name, and only with an optional package: zero-shot.test.ts.
  hf: {
    make: async () => hfVision(detectorsInFolder(await temporaryFolder())),
    models: { moderate: null, detect: null, verify: null, summarize: null },
    unknown: 'hf:blind',
  },
  agent: {
    make: async () => agentVision(),
    models: { moderate: null, detect: null, verify: null, summarize: null },
    unknown: 'agent:other',
  },
  rules: {
    make: async () => rulesVision(),
    models: { moderate: null, detect: null, verify: null, summarize: 'rules:summary' },
    unknown: 'rules:blind',
  },
} satisfies Record<ProviderName, VisionUnderTest>;

for (const [name, provider] of Object.entries(PROVIDERS_UNDER_TEST)) visionContract(`${name}:`, provider);

test('the clients of providers are loaded on first use, not before', async () => {
  const { endpoint } = await bedrockServer(toolUse('report_verdict', FORMS.report_verdict));
  const { baseUrl } = await openaiServer(completion({ content: JSON.stringify(FORMS.report_verdict) }));
  const { baseUrl: anthropicUrl } = await anthropicServer(toolCall('report_verdict', FORMS.report_verdict));
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      load(url, context, next) {
        for (const name of ['client-bedrock-runtime', 'openai', '@anthropic-ai']) if (url.includes('/node_modules/') && url.includes('/' + name + '/')) loaded.add(name);
        return next(url, context);
      },
    });
    const { bedrockVision } = await import('./pipeline/vision/llm/bedrock-vision.ts');
    const { openaiVision } = await import('./pipeline/vision/llm/openai-vision.ts');
    const { anthropicVision } = await import('./pipeline/vision/llm/anthropic-vision.ts');
    const image = { bytes: new Uint8Array([1]), width: 1, height: 1 };
    const steps = [];
    const [bedrock, openai] = [bedrockVision({ endpoint: '${endpoint}' }), openaiVision({ baseUrl: '${baseUrl}', apiKey: null })];
    const anthropic = anthropicVision({ baseUrl: '${anthropicUrl}', apiKey: 'sk-ant-fake' });
    steps.push([...loaded]);
    await bedrock.moderate('bedrock:x', image);
    steps.push([...loaded]);
    await openai.moderate('openai:x', image);
    steps.push([...loaded]);
    await anthropic.moderate('anthropic:x', image);
    steps.push([...loaded]);
    console.log(JSON.stringify(steps));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  expect(JSON.parse(stdout)).toEqual([
    [],
    ['client-bedrock-runtime'],
    ['client-bedrock-runtime', 'openai'],
    ['client-bedrock-runtime', 'openai', '@anthropic-ai'],
  ]);
});
