// Which findings say something: text, label or description contain some words, or match a regular expression. An expression comes from a
// caller, so its time is bounded.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { Finding } from '../../pipeline/contract/schemas.ts';

const Matched = z.array(z.boolean());
const MATCH_MS_MAX = 500;
const EXPRESSION = /^\/(.+)\/([ims]*)$/s;

/** Throws a UserError if the expression is invalid or takes too long. */
export function withText(findings: Finding[], wanted: string | undefined): Finding[] {
  if (wanted === undefined) return findings;
  const [, pattern, flags = ''] = EXPRESSION.exec(wanted) ?? [];
  if (pattern !== undefined) return matching(findings, pattern, flags);
  const words = wanted.toLowerCase();
  return findings.filter((finding) => wordsOf(finding).some((text) => text.toLowerCase().includes(words)));
}

function wordsOf({ text, label, description }: Finding): string[] {
  return [...(text === null ? [] : [text]), label, description];
}

/** A timer cannot end an expression that backtracks for hours: only the interpreter can. */
function matching(findings: Finding[], pattern: string, flags: string): Finding[] {
  const { runInNewContext } = process.getBuiltinModule('node:vm');
  const sandbox = { expression: compiled(pattern, flags), texts: findings.map(wordsOf) };
  const code = 'texts.map((words) => words.some((text) => expression.test(text)))';
  try {
    const matched = Matched.parse(runInNewContext(code, sandbox, { timeout: MATCH_MS_MAX }));
    return findings.filter((_, index) => matched[index]);
  } catch (cause) {
    throw refused(pattern, `takes longer than ${MATCH_MS_MAX} ms`, cause);
  }
}

function compiled(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, `i${flags.replace('i', '')}`);
  } catch (cause) {
    throw refused(pattern, 'is not valid', cause);
  }
}

function refused(pattern: string, why: string, cause: unknown): UserError {
  return new UserError(`The regular expression /${pattern}/ ${why}. Simplify it, or send plain words without slashes.`, {
    cause,
  });
}
