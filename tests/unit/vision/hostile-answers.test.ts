// Texts that a model writes once it has lost its way: they are read in time, whatever they repeat.
import { describe, expect, test } from 'vitest';
import { imageRefusalIn, NO_VISION } from '../../../pipeline/vision/llm/requests/image-refusals.ts';
import { answerTokensIn } from '../../../pipeline/vision/llm/requests/refused-settings.ts';
import {
  isOnlyThoughts,
  jsonIn,
  mendedJsonIn,
  unwrapped,
  wholeJsonIn,
  wholeObjectsIn,
} from '../../../pipeline/vision/reading/json-in-text.ts';
import { wordsIn } from '../../../pipeline/vision/reading/loose-fields.ts';

const CHARACTERS = 300_000;
const READ_MS_MAX = 4_000; // a tenth of it on a fast machine; the patterns that these texts were made against took hours
const repeated = (words: string) => words.repeat(Math.ceil(CHARACTERS / words.length));

const TEXTS = {
  'line breaks within a fence': `\`\`\`json\n${repeated('\n')}x`,
  'line breaks after a form in a fence': `\`\`\`\n{"detections":[${repeated('\n')}\`\`\``,
  'openings of thoughts': repeated('<think>'),
  'other openings of thoughts': repeated('[THINK]◁think▷<thought>'),
  'end marks before a letter': `${repeated('<eos> \n')}x`,
  'openings of end marks': repeated('<|'),
  'names of channels': repeated('<|channel|>'),
  braces: repeated('{'),
  'closed brackets': `${'['.repeat(CHARACTERS / 2)}${']'.repeat(CHARACTERS / 2)}`,
  'strings that begin': repeated('{"'),
  'quotes of Python': `{${repeated("'")}}`,
  'forms in Python': repeated("{'detections': 1, }"),
  'names without values': `[${repeated('"a": ')}]`,
};

describe('a text of 300,000 characters is read in time:', () => {
  test.each(Object.entries(TEXTS))('%s', async (_, text) => {
    const began = performance.now();
    for (const value of [...jsonIn(text), ...wholeJsonIn(text), ...wholeObjectsIn(text, 'detections')]) {
      unwrapped(value, () => null);
    }
    isOnlyThoughts(text);
    await mendedJsonIn(text);
    expect(performance.now() - began).toBeLessThan(READ_MS_MAX);
  });

  test.each(['image ', 'image is ', 'cannot process ', 'context ', 'max_tokens exceed 1 ', 'not support ', '1'])(
    'a refusal that repeats %j',
    (words) => {
      const began = performance.now();
      const refusal = repeated(words);
      imageRefusalIn(refusal);
      answerTokensIn(refusal, 4_096);
      NO_VISION.test(refusal.slice(0, 4_000));
      expect(performance.now() - began).toBeLessThan(READ_MS_MAX);
    },
  );
});

describe('thoughts', () => {
  const form = '{"detections":[]}';
  test.each([
    `<think>{"no":1}</think>${form}`,
    `<THINK>a</Think>b<thinking>{"no":1}</thinking>${form}`,
    `[THINK]{"no":1}[/THINK] ${form}`,
    `◁think▷{"no":1}◁/think▷${form}<|im_end|>\n</s>`,
    `{"no":1}</think>\`\`\`json\n${form}\n\`\`\``,
    `<think>a<think>b</think>${form}`,
  ])('are no answer: %s', (text) => {
    expect(jsonIn(text)).toEqual([{ detections: [] }]);
  });

  test('that are quoted in a form belong to it', () => {
    const sign = { detections: [{ label: 'sign', text: 'end of </think> <think>' }] };
    expect(wholeJsonIn(JSON.stringify(sign))).toEqual([sign]);
  });
});

test.each([
  ['a\ud800b', 'a\ufffdb'],
  ['a\u0000b\u001b[31m\u009b', 'ab[31m'],
  ['\u202egnp.exe\u2066', 'gnp.exe'],
  [' two\tlines\r\nשלום 東京 👩\u200d🚒 ', 'two\tlines\r\nשלום 東京 👩\u200d🚒'],
  ['\u0007', ''],
])('the words %j are kept as %j', (words, kept) => {
  expect(wordsIn(words, 100)).toBe(kept);
});
