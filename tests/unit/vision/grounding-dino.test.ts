// Grounding DINO: words in prompts, and scores of tokens as scores of words.
import { expect, test } from 'vitest';
import { type GroundingParts, groundedWords, promptsOf } from '../../../pipeline/vision/zero-shot/grounding-dino.ts';

/** One token for each word and full stop, as a BERT tokenizer of common words. */
const tokensOf = (text: string) => text.match(/[\p{L}\p{N}]+|\./gu) ?? [];

/** A model with a query for each row of `logits`, which are those of the tokens between [CLS] and [SEP]. */
function parts(logits: (tokens: string[]) => number[][], inputs: object[] = []): GroundingParts {
  const process = async () => ({ pixel_values: process.size });
  process.size = { shortest_edge: 800, longest_edge: 1_333 } as unknown;
  let tokens: string[] = [];
  return {
    tokenizer: (text, options) => {
      tokens = tokensOf(text);
      const count = tokens.length + (options?.add_special_tokens === false ? 0 : 2);
      return { input_ids: { dims: [1, count], data: [] }, text };
    },
    processor: { image_processor: process },
    model: async (input) => {
      inputs.push(input);
      const rows = logits(tokens).map((row) => [99, ...row, ...Array.from({ length: 255 - row.length }, () => -99)]);
      return {
        logits: { dims: [1, rows.length, 256], data: Float32Array.from(rows.flat()) },
        pred_boxes: { dims: [1, rows.length, 4], data: Float32Array.from(rows.flatMap(() => [0.5, 0.5, 0.25, 0.5])) },
      };
    },
  };
}

const SIZE = { width: 800, height: 800 };

test('each box gets the word whose token scores highest, as the request spells it', async () => {
  const inputs: object[] = [];
  const words = ['Red helmet', 'St. John?', 'crane'];
  const detector = parts((tokens) => [tokens.map((token) => (token === 'john' ? 1 : -4)), tokens.map(() => -4)], inputs);
  const found = await groundedWords(detector, {}, { words, threshold: 0.35, size: SIZE });
  expect(found).toEqual([
    { label: 'St. John?', score: expect.closeTo(0.731, 3), box: { xmin: 0.375, ymin: 0.25, xmax: 0.625, ymax: 0.75 } },
  ]);
  expect(inputs).toMatchObject([{ text: 'red helmet. st john. crane.' }]);
});

test.each([
  [{ width: 800, height: 800 }, 800],
  [{ width: 400, height: 400 }, 800],
  [{ width: 2_000, height: 1_000 }, 666],
])('an image of %o is scaled to a shorter side of %i px, as the model was trained', async (size, edge) => {
  const inputs: object[] = [];
  await groundedWords(
    parts(() => [], inputs),
    {},
    { words: ['crane'], threshold: 0.35, size },
  );
  expect(inputs).toMatchObject([{ pixel_values: { shortest_edge: edge } }]);
});

test('words beyond the tokens of one prompt go into another one, and none is lost', async () => {
  const words = Array.from({ length: 100 }, (_, index) => `thing number ${index}`);
  const prompts = promptsOf(words, (text) => tokensOf(text).length);
  expect(prompts.map(({ tokens }) => tokens)).toEqual([254, 150]);
  expect(prompts.flatMap((prompt) => prompt.words.map(({ word }) => word))).toEqual(words);
  for (const { text, words: parts } of prompts) {
    const tokens = ['[CLS]', ...tokensOf(text), '[SEP]'];
    for (const { word, first, end } of parts) expect(tokens.slice(first, end).join(' ')).toBe(word);
  }
  const everything = parts(() => [[5]]);
  expect(await groundedWords(everything, {}, { words, threshold: 0.35, size: SIZE })).toHaveLength(2);
});

test('a score that is not a number, other outputs and another tokenizer fail the tile with a sentence', async () => {
  const asked = { words: ['crane', 'helmet'], threshold: 0.35, size: SIZE };
  const nan = parts((tokens) => [tokens.map((token) => (token === 'helmet' ? Number.NaN : 0))]);
  await expect(groundedWords(nan, {}, asked)).rejects.toMatchObject({
    name: 'AnswerError',
    message: 'The zero-shot model returned a score or a box without a number.',
  });
  const other: GroundingParts = { ...parts(() => []), model: async () => ({ scores: [] }) };
  await expect(groundedWords(other, {}, asked)).rejects.toThrow(
    'The zero-shot model returned other outputs than Grounding DINO.',
  );
  const joined: GroundingParts = { ...parts(() => []), tokenizer: () => ({ input_ids: { dims: [1, 3], data: [] } }) };
  await expect(groundedWords(joined, {}, asked)).rejects.toThrow('The tokenizer of the model is not that of Grounding DINO');
});
