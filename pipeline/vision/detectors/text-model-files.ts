// The front door for `models add --kind ocr`: three files that a user names become a sidecar, or a sentence. Runs no model.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import { checkModelFile } from './detector-file.ts';
import { checkedInput, shown } from './model-checks.ts';
import { type ModelValue, type OnnxModel, readOnnxModel } from './onnx-model.ts';
import type { TextFileName, TextSidecar } from './text-sidecar.ts';

/** What PP-OCR readers from version 3 on were trained on. */
export const LINE_HEIGHT_PX = 48;
const DICTIONARY_BYTES_MAX = 2_000_000;
/** Unicode's names of scripts, with those that a reader of notes knows. */
const SCRIPTS: Readonly<Record<string, string>> = {
  Latin: 'Latin',
  Han: 'Chinese',
  Hiragana: 'Hiragana',
  Katakana: 'Katakana',
  Hangul: 'Korean',
  Cyrillic: 'Cyrillic',
  Greek: 'Greek',
  Arabic: 'Arabic',
  Hebrew: 'Hebrew',
  Devanagari: 'Devanagari',
  Bengali: 'Bengali',
  Gurmukhi: 'Gurmukhi',
  Gujarati: 'Gujarati',
  Tamil: 'Tamil',
  Telugu: 'Telugu',
  Kannada: 'Kannada',
  Malayalam: 'Malayalam',
  Sinhala: 'Sinhala',
  Thai: 'Thai',
  Lao: 'Lao',
  Khmer: 'Khmer',
  Myanmar: 'Myanmar',
  Tibetan: 'Tibetan',
  Georgian: 'Georgian',
  Armenian: 'Armenian',
  Ethiopic: 'Ethiopic',
  Mongolian: 'Mongolian',
};
/** Formulas bring a few letters of other scripts: PP-OCRv4's Chinese dictionary has 10 Greek and 6 Cyrillic ones. Hebrew has 22. */
const LETTERS_MIN = 20;
const DIGITS_ONLY = 'digits and signs';

/** Paths of the files. Throws a UserError if one is missing, too large, or not what its name says. */
export async function describeTextModel(paths: Readonly<Record<TextFileName, string>>): Promise<TextSidecar> {
  const [detector, reader, dictionary] = [
    await modelIn(paths.detector, 'det'),
    await modelIn(paths.reader, 'rec'),
    await dictionaryIn(paths.dictionary),
  ];
  checkDetector(detector.model);
  checkReader(reader.model, dictionary.characters);
  return {
    version: 1,
    kind: 'ocr',
    scripts: scriptsOf(dictionary.characters),
    detector: detector.facts,
    reader: reader.facts,
    dictionary: dictionary.facts,
    license: stated(reader.model, 'license', 200),
    description: stated(reader.model, 'description', 500),
  };
}

/** One character a line, as PaddleOCR writes them. The last line may end without a line break. */
export function dictionaryOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** Those with at least 20 letters in the dictionary, the most frequent first. */
export function scriptsOf(characters: readonly string[]): string[] {
  const counts = Object.entries(SCRIPTS).map(([script, name]) => {
    const letter = new RegExp(`^\\p{Script=${script}}`, 'u');
    return { name, letters: characters.filter((character) => letter.test(character)).length };
  });
  const known = counts.filter(({ letters }) => letters >= LETTERS_MIN).sort((a, b) => b.letters - a.letters);
  return known.length === 0 ? [DIGITS_ONLY] : known.map(({ name }) => name);
}

async function modelIn(path: string, option: string) {
  try {
    await checkModelFile(path);
    const bytes = await readFile(path);
    const model = readOnnxModel(bytes);
    checkedInput(model);
    return { model, facts: factsOf(bytes) };
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`--${option}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function dictionaryIn(path: string) {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UserError(`--dict: ${path} does not exist or may not be read. Check the path.`, { cause });
  });
  if (bytes.length > DICTIONARY_BYTES_MAX)
    throw new UserError(`--dict: the file has more than ${DICTIONARY_BYTES_MAX} bytes. Expected one character a line.`);
  const characters = dictionaryOf(new TextDecoder().decode(bytes));
  if (characters.length < 2 || characters.some((line) => line.length > 16))
    throw new UserError(`--dict: ${path} is not a dictionary. Expected one character a line, as PaddleOCR writes it.`);
  return { characters, facts: factsOf(bytes) };
}

function factsOf(bytes: Uint8Array): TextSidecar['detector'] {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/** Finds lines: a map of probabilities of the size of the image. */
function checkDetector(model: OnnxModel): void {
  const [output] = model.outputs;
  const isMap = !output?.shape || (output.shape.length === 4 && (typeof output.shape[1] !== 'number' || output.shape[1] === 1));
  if (!isMap)
    throw new UserError(
      `--det: a model that finds lines returns one map, [1, 1, height, width]; this one returns ${shown(model.outputs)}. Check that --det and --rec are not swapped.`,
    );
  const { height, width } = sizesOf(model);
  if (typeof height === 'number' || typeof width === 'number')
    throw new UserError(
      `--det: the input ${shown(model.inputs)} has a fixed size. Export the model with an open height and width.`,
    );
}

function checkReader(model: OnnxModel, characters: readonly string[]): void {
  const { height, width } = sizesOf(model);
  const [output] = model.outputs;
  if (output?.shape && output.shape.length !== 3)
    throw new UserError(
      `--rec: a model that reads lines returns [1, steps, characters]; this one returns ${shown(model.outputs)}. Check that --det and --rec are not swapped.`,
    );
  if (typeof height === 'number' && height !== LINE_HEIGHT_PX)
    throw new UserError(
      `--rec: the model reads lines of ${height} px, but ${LINE_HEIGHT_PX} px are expected. Use a model of PP-OCRv3 or later.`,
    );
  if (typeof width === 'number')
    throw new UserError(`--rec: the input ${shown(model.inputs)} has a fixed width. Export the model with an open width.`);
  const classes = output?.shape?.at(-1);
  if (typeof classes === 'number') checkCharacters(classes, characters.length);
}

/** A blank comes first and, with most models, a space last. */
export function checkCharacters(classes: number, characters: number): void {
  if (classes === characters + 1 || classes === characters + 2) return;
  throw new UserError(
    `--dict: the model scores ${classes} characters, so its dictionary has ${classes - 2} or ${classes - 1}; this one has ${characters}. Name the dictionary that the model was trained with.`,
  );
}

function sizesOf({ inputs }: OnnxModel): Record<'height' | 'width', NonNullable<ModelValue['shape']>[number] | undefined> {
  const [, , height, width] = inputs[0]?.shape ?? [];
  return { height, width };
}

function stated({ metadata }: OnnxModel, key: string, charactersMax: number): string | null {
  const value = metadata.get(key);
  const words = value === undefined ? null : printable(value).trim().slice(0, charactersMax);
  return words === '' ? null : words;
}
