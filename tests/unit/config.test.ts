// The sentence about a wrong environment variable: its name, what was expected, and what to do.
import { expect, test } from 'vitest';
import { readConfig, unusedCoordinates } from '../../pipeline/config.ts';

test.each(['openai:llava=percent', 'openai:llava', 'llava=fractions', 'openai:a=pixels,openai:b=up'])(
  'MODEL_COORDINATES of %s is refused before anything starts',
  (value) => {
    expect(() => readConfig({ MODEL_COORDINATES: value })).toThrow(
      /^The environment variable MODEL_COORDINATES is invalid: expected MODEL=COORDINATES, for example openai:llava=fractions, with one of pixels, .*\. Correct or unset it\.$/,
    );
  },
);

test('MODEL_COORDINATES takes models whose id has colons, slashes and several entries', () => {
  const { MODEL_COORDINATES } = readConfig({ MODEL_COORDINATES: 'openai:qwen/qwen3-vl:8b=pixels-y-first, bedrock:a=fractions' });
  expect(MODEL_COORDINATES).toEqual(['openai:qwen/qwen3-vl:8b=pixels-y-first', 'bedrock:a=fractions']);
});

test('an invalid entry of a list names the variable, not the place of the entry', () => {
  expect(() => readConfig({ DETECTION_MODELS: 'onnx:nanodet,nonsense' })).toThrow(
    /^The environment variable DETECTION_MODELS is invalid: /,
  );
});

test.each([
  ['OPENAI_API_KEY', 'sk-secret\nX-Other: 1', /expected a key of letters, digits and signs/],
  ['ANTHROPIC_API_KEY', 'sk-secret…', /expected a key of letters, digits and signs/],
  ['OPENAI_BASE_URL', 'http://me:secret@127.0.0.1/v1', /expected an address without a user and a password/],
  ['ANTHROPIC_BASE_URL', 'https://secret@gateway.example', /expected an address without a user and a password/],
] as const)('%s of %j is refused without its words', (variable, value, expected) => {
  const refusal = (() => {
    try {
      return readConfig({ [variable]: value });
    } catch (error) {
      return String(error);
    }
  })();
  expect(refusal).toMatch(expected);
  expect(refusal).not.toContain('secret');
});

test('a key may end with the line end of its file, and an address may have a port and a path with @', () => {
  const { OPENAI_API_KEY, OPENAI_BASE_URL } = readConfig({
    OPENAI_API_KEY: 'sk-key\r\n',
    OPENAI_BASE_URL: 'http://127.0.0.1:1234/v1/@cf/meta',
  });
  expect({ OPENAI_API_KEY, OPENAI_BASE_URL }).toEqual({
    OPENAI_API_KEY: 'sk-key',
    OPENAI_BASE_URL: 'http://127.0.0.1:1234/v1/@cf/meta',
  });
});

test('a model id has at most 256 characters', () => {
  const id = `openai:${'x'.repeat(249)}`;
  expect(readConfig({ DETECTION_MODELS: id }).DETECTION_MODELS).toEqual([id]);
  expect(() => readConfig({ DETECTION_MODELS: `${id}x` })).toThrow(
    'The environment variable DETECTION_MODELS is invalid: expected a model id of at most 256 characters. Correct or unset it.',
  );
});

test.each([
  ['JUDGE_MODEL', 'onnx:nanodet', 'expected a language model, because onnx:nanodet cannot judge'],
  ['VERIFICATION_MODEL', 'hf:owl', 'expected a language model, because hf:owl cannot verify'],
  ['ASK_MODEL', 'rules:summary', 'expected a language model, because rules:summary cannot answer questions'],
  ['MODERATION_MODEL', 'onnx:ppocr', 'expected onnx:nsfw or a language model, because onnx:ppocr cannot moderate'],
  ['SYNTHESIS_MODEL', 'onnx:gauges', 'expected rules:summary or a language model, because onnx:gauges cannot write a summary'],
  ['DETECTION_MODELS', 'onnx:nanodet,onnx:nsfw', 'expected a detector or a language model, because onnx:nsfw cannot detect'],
  ['DETECTION_MODELS', 'rules:summary', 'expected a detector or a language model, because rules:summary cannot detect'],
])('%s=%s is refused at the start', (variable, value, expected) => {
  expect(() => readConfig({ [variable]: value })).toThrow(
    `The environment variable ${variable} is invalid: ${expected}. Correct or unset it.`,
  );
});

test('every step takes a language model, and what was made for it', () => {
  const all = {
    JUDGE_MODEL: 'openai:a',
    VERIFICATION_MODEL: 'bedrock:b',
    SYNTHESIS_MODEL: 'rules:summary',
    MODERATION_MODEL: 'onnx:nsfw',
  };
  expect(readConfig({ ...all, DETECTION_MODELS: 'onnx:gauges,hf:owl,openai:a' })).toMatchObject(all);
});

test('MODEL_COORDINATES of a model that nothing uses is named', () => {
  const models = { DETECTION_MODELS: 'openai:qwen3-vl', ALLOWED_MODELS: 'bedrock:a:0', JUDGE_MODEL: 'openai:judge' };
  const warning = (MODEL_COORDINATES: string) => unusedCoordinates(readConfig({ ...models, MODEL_COORDINATES }));
  expect(warning('openai:qwen3-vl=pixels,bedrock:a:0=fractions,openai:judge=pixels')).toBeNull();
  expect(warning('openai:qwen3vl=pixels,openai:qwen3-vl=pixels')).toBe(
    'MODEL_COORDINATES names openai:qwen3vl, which is none of the models of this server: it has no effect on it.',
  );
  expect(warning('openai:a=pixels,openai:b=pixels')).toBe(
    'MODEL_COORDINATES names openai:a and openai:b, which are none of the models of this server: it has no effect on them.',
  );
});
