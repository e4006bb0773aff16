// Whatever models and servers write around a form, in any order and nesting: its detections are read, all of them and only once.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { THOUSANDTHS } from '../../../pipeline/providers/coordinates.ts';
import { askModel, type Purpose } from '../../../pipeline/vision/llm/ask-model.ts';
import { detectionsForm } from '../../../pipeline/vision/llm/forms.ts';
import { NO_TOKENS, type Reply } from '../../../pipeline/vision/llm/model.ts';
import { wholeObjectsIn } from '../../../pipeline/vision/reading/json-in-text.ts';
import { detectionsReader } from '../../../pipeline/vision/reading/read-answers.ts';
import type { ReadDetections } from '../../../pipeline/vision/reading/read-detections.ts';

const SIZE = { width: 1_000, height: 1_000 };
const FRAME = { coordinates: THOUSANDTHS, image: SIZE, seen: SIZE };
const PURPOSE: Purpose<ReadDetections> = {
  wanted: 'detections',
  whenTooLong: 'Choose a smaller tile_size.',
  form: detectionsForm(THOUSANDTHS),
  read: detectionsReader(FRAME),
};

/** Words of models and of images, with what could be taken for JSON or for the end of thoughts. */
const words = fc.constantFrom(
  'A cat',
  'a {sign}',
  'exit [2',
  '5" pipe',
  "dog's \\ bowl",
  'x}',
  '```',
  'null',
  'ひらがな',
  'a<b>c',
);
const detection = fc.record({
  label: words,
  left: fc.integer({ min: 0, max: 400 }),
  top: fc.integer({ min: 0, max: 400 }),
  right: fc.integer({ min: 500, max: 1_000 }),
  bottom: fc.integer({ min: 500, max: 1_000 }),
  score: fc.constantFrom(0.9, '0.9', 90, '90%', null),
  severity: fc.constantFrom('info', 'Info', null, 'dire'),
  description: words,
  text: fc.option(words),
});

const INSIDE: ((form: unknown) => unknown)[] = [
  (form) => ({ report_detections: form }),
  (form) => ({ name: 'report_detections', arguments: form }),
  (form) => ({ name: 'report_detections', arguments: JSON.stringify(form) }),
  (form) => [form],
  (form) => ({ result: form, note: 'a {note}' }),
];
const AROUND: ((text: string) => string)[] = [
  (text) => `<think>A cat, {maybe}, or "dog"? [1] {"detections": []}</think>${text}`,
  (text) => `I see a cat at [3].\n</think>\n${text}`,
  (text) => `Here is the form:\n${text}`,
  (text) => `${text}\n\nI hope that helps. See [1].`,
  (text) => `\`\`\`json\n${text}\n\`\`\``,
  (text) => `${text}<|im_end|>`,
  (text) => `<answer>${text}</answer>`,
  (text) => `<|channel|>final<|message|>${text}`,
  (text) => `\n\n  ${text}  \n`,
];

async function read(text: string) {
  const reply: Reply = { kind: 'filled', text, tokens: { ...NO_TOKENS, input_tokens: 1, output_tokens: 1 } };
  const image = { bytes: new Uint8Array(), ...SIZE };
  return (await askModel(async () => reply, 'test:eyes', PURPOSE, { system: '', user: '', image })).answer.detections;
}

test('a form is found in any wrapping', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(detection, { minLength: 1, maxLength: 5 }),
      fc.array(fc.constantFrom(...INSIDE), { maxLength: 3 }),
      fc.array(fc.constantFrom(...AROUND), { maxLength: 3 }),
      fc.boolean(),
      async (detections, inside, around, isBare) => {
        const form = inside.reduce<unknown>((inner, wrap) => wrap(inner), isBare ? detections : { detections });
        const text = around.reduce((inner, wrap) => wrap(inner), JSON.stringify(form, null, isBare ? 2 : undefined));
        const found = await read(text);
        expect(found.map(({ label }) => label)).toEqual(detections.map(({ label }) => label.trim()));
        expect(found.map(({ box }) => box)).toEqual(
          detections.map(({ left, top, right, bottom }) => [left, top, right - left, bottom - top]),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('every whole entry of a form is kept, wherever the form is cut off', () => {
  fc.assert(
    fc.property(fc.array(detection, { minLength: 1, maxLength: 5 }), fc.boolean(), fc.nat(), (detections, isBare, random) => {
      const text = JSON.stringify(isBare ? detections : { detections });
      const cut = text.slice(0, random % text.length);
      const start = text.indexOf('[');
      const isWhole = (entries: number) => start + JSON.stringify(detections.slice(0, entries)).length - 1 <= cut.length; // without the closing bracket
      const whole = detections.filter((_, index) => isWhole(index + 1));
      expect(wholeObjectsIn(cut, 'detections')).toEqual(whole);
    }),
    { numRuns: 500 },
  );
});

test('entries written in quotes of Python are found', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ label: fc.constantFrom('cat', "dog's bowl", 'a {sign}') }), { minLength: 1 }),
      async (entries) => {
        const python = entries.map(
          ({ label }) => `{'label': '${label.replace("'", "\\'")}', 'box': [1, 2, 30, 40], 'text': None,}`,
        );
        const found = await read(`Result:\n{'detections': [${python.join(', ')},]}`);
        expect(found.map(({ label }) => label)).toEqual(entries.map(({ label }) => label));
      },
    ),
    { numRuns: 100 },
  );
});
