// Puts into words what a model does not accept as a setting: the rules of a system message, and the form.

import type { Question } from '../model.ts';
import { jsonSchemaOf } from './json-schema.ts';

export interface QuestionInWords {
  /** `null` if the model accepts no system message. */
  system: string | null;
  user: string;
}

/** The rules go before the message of the user if there may be no system message; the form goes after the rules. */
export function inWords(
  { system, user, form }: Pick<Question, 'system' | 'user' | 'form'>,
  left: { withoutSystem: boolean; formInWords: boolean },
): QuestionInWords {
  const rules = left.formInWords ? `${system}\n\n${formRule(form)}` : system;
  return left.withoutSystem ? { system: null, user: `${rules}\n\n${user}` } : { system: rules, user };
}

function formRule({ schema }: Question['form']): string {
  const json = JSON.stringify(jsonSchemaOf(schema, { closed: false }));
  return `The form is one JSON object that follows this JSON schema. Answer with that object and nothing else:\n${json}`;
}
