// Which steps of an analysis a model can do, as far as its id shows it. Pure.
import type { ModelId } from '../contract/schemas.ts';
import { isZeroShot } from './detector-names.ts';

const ROLES = {
  moderation: {
    verb: 'moderate',
    expected: 'onnx:nsfw or a language model',
    isLocal: (model: ModelId) => model === 'onnx:nsfw',
  },
  detection: {
    verb: 'detect',
    expected: 'a detector or a language model',
    isLocal: (model: ModelId) => isZeroShot(model) || (model.startsWith('onnx:') && model !== 'onnx:nsfw'),
  },
  verification: { verb: 'verify', expected: 'a language model', isLocal: () => false },
  synthesis: {
    verb: 'write a summary',
    expected: 'rules:summary or a language model',
    isLocal: (model: ModelId) => model.startsWith('rules:'),
  },
  judge: { verb: 'judge', expected: 'a language model', isLocal: () => false },
  ask: { verb: 'answer questions', expected: 'a language model', isLocal: () => false },
} as const;
export type ModelRole = keyof typeof ROLES;

/** Why the model cannot do this, and what can; `null` if it can. A language model can do everything. */
export function unfitFor(role: ModelRole, model: ModelId): { cannot: string; expected: string } | null {
  const { verb, expected, isLocal } = ROLES[role];
  if (!/^(?:onnx|hf|rules):/.test(model) || isLocal(model)) return null;
  return { cannot: `${model} cannot ${verb}`, expected };
}
