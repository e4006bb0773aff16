// How Grounding DINO is asked and read: all words in one prompt, "red helmet. crane.", and a score for each token of the prompt. The pipeline
// of the library returns the tokens as text; here a score belongs to the word whose token it is. Loads nothing.
import { z } from 'zod';
import { at } from '../../contract/at.ts';
import { AnswerError } from '../../contract/errors.ts';

/** `max_text_len` of the model. */
const TOKENS_MAX = 256;
/** [CLS] before the prompt and [SEP] after it. */
const TOKENS_AROUND = 2;
/** Ends a word of the prompt; the model keeps words apart at full stops and question marks. */
const STOP = '.';

export const NO_NUMBER = 'The zero-shot model returned a score or a box without a number.';

interface Tensor {
  dims: readonly number[];
  data: ArrayLike<number | bigint>;
}

/** What is used of a detector of the library. */
export interface GroundingParts {
  tokenizer(text: string, options?: { add_special_tokens: boolean }): { input_ids: Tensor };
  processor: { image_processor: ((images: readonly object[]) => Promise<object>) & { size: unknown } };
  model(inputs: object): Promise<object>;
}

interface Size {
  width: number;
  height: number;
}

export interface FoundWord {
  score: number;
  label: string;
  /** Fractions of the sides. */
  box: { xmin: number; ymin: number; xmax: number; ymax: number };
}

const Numbers = z.custom<Float32Array>((data) => data instanceof Float32Array);
const Output = z.object({
  logits: z.object({ dims: z.tuple([z.literal(1), z.int(), z.int()]), data: Numbers }),
  pred_boxes: z.object({ dims: z.tuple([z.literal(1), z.int(), z.literal(4)]), data: Numbers }),
});

/** The words of a prompt, and where their tokens are in it. */
interface Prompt {
  text: string;
  tokens: number;
  words: { word: string; first: number; end: number }[];
}

/** An object for each box with a score of at least `threshold`, with the word that fits it best. */
export async function groundedWords(
  { tokenizer, processor, model }: GroundingParts,
  image: object,
  { words, threshold, size }: { words: readonly string[]; threshold: number; size: Size },
): Promise<FoundWord[]> {
  const pixels = await pixelsOf(processor, image, size);
  const found: FoundWord[] = [];
  for (const prompt of promptsOf(words, (text) => at(tokenizer(text, { add_special_tokens: false }).input_ids.dims, 1))) {
    const text = tokenizer(prompt.text);
    if (text.input_ids.dims[1] !== prompt.tokens) {
      throw new AnswerError('The tokenizer of the model is not that of Grounding DINO: it joins the words of a prompt.');
    }
    found.push(...read(await model({ ...text, ...pixels }), prompt, threshold));
  }
  return found;
}

const Edges = z.object({ shortest_edge: z.number(), longest_edge: z.number() });

/**
 * As the model was trained: the shorter side is as long as `shortest_edge`, or less if the longer one would exceed `longest_edge`. The
 * library enlarges every image to `longest_edge` if both are there: 2.8 times as many pixels for a square.
 */
async function pixelsOf({ image_processor: process }: GroundingParts['processor'], image: object, { width, height }: Size) {
  const stated = process.size;
  const { data: edges } = Edges.safeParse(stated);
  if (!edges) return await process([image]);
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  process.size = { shortest_edge: Math.floor(Math.min(edges.shortest_edge, (edges.longest_edge * shorter) / longer)) };
  try {
    return await process([image]);
  } finally {
    process.size = stated;
  }
}

/** As few prompts as the model's limit of tokens allows. `count` returns how many tokens a text has. */
export function promptsOf(words: readonly string[], count: (text: string) => number): Prompt[] {
  const prompts: Prompt[] = [];
  for (const word of words) {
    const text = `${word
      .toLowerCase()
      .replace(/[.?\s]+/g, ' ')
      .trim()}${STOP}`;
    const tokens = count(text);
    let prompt = prompts.at(-1);
    if (prompt === undefined || prompt.tokens + tokens > TOKENS_MAX) {
      prompt = { text: '', tokens: TOKENS_AROUND, words: [] };
      prompts.push(prompt);
    }
    const first = prompt.tokens - 1; // [SEP] is behind the words
    prompt.words.push({ word, first, end: first + tokens - 1 });
    prompt.text = prompt.text === '' ? text : `${prompt.text} ${text}`;
    prompt.tokens += tokens;
  }
  return prompts;
}

function read(output: object, { words }: Prompt, threshold: number): FoundWord[] {
  const { data, error } = Output.safeParse(output);
  if (!data) throw new AnswerError('The zero-shot model returned other outputs than Grounding DINO.', { cause: error });
  const { logits, pred_boxes: boxes } = data;
  const [, count, columns] = logits.dims;
  const found: FoundWord[] = [];
  for (let query = 0; query < count; query++) {
    const scored = words.map(({ word, first, end }) => {
      const tokens = logits.data.subarray(query * columns + first, query * columns + Math.min(end, columns));
      return { word, score: 1 / (1 + Math.exp(-tokens.reduce((best, logit) => Math.max(best, logit), -Infinity))) };
    });
    if (scored.some(({ score }) => Number.isNaN(score))) throw new AnswerError(NO_NUMBER);
    const best = scored.reduce((left, right) => (right.score > left.score ? right : left));
    if (best.score < threshold) continue;
    const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN] = boxes.data.subarray(
      query * 4,
      query * 4 + 4,
    );
    const box = { xmin: x - width / 2, ymin: y - height / 2, xmax: x + width / 2, ymax: y + height / 2 };
    found.push({ score: best.score, label: best.word, box });
  }
  return found;
}
