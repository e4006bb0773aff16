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
