// The sentence about a wrong environment variable: its name, what was expected, and what to do.
import { expect, test } from 'vitest';
import { readConfig } from '../../pipeline/config.ts';

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
