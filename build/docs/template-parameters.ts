// Which parameter of template.yaml sets an environment variable of the two functions.
import { readFileSync } from 'node:fs';
import { type CollectionTag, isSeq, parse, type ScalarTag } from 'yaml';
import { z } from 'zod';

export interface TemplateParameter {
  name: string;
  /** `null` if it is empty. */
  default: string | null;
  /** Whether the variable has the value of the parameter, and not one that depends on it. */
  sameValue: boolean;
}

/** `!Ref X` and the other short forms, as plain values: `{ Ref: X }`. */
const TAGS = ['Ref', 'Sub', 'GetAtt', 'Join', 'Split', 'If', 'Equals', 'Not'].flatMap((name): (ScalarTag | CollectionTag)[] => [
  { tag: `!${name}`, resolve: (text: string) => ({ [name]: text }) },
  { tag: `!${name}`, collection: 'seq', resolve: (list) => ({ [name]: isSeq(list) ? list.toJSON() : list }) },
]);

const Environment = z.object({ Variables: z.record(z.string(), z.unknown()) });
const Template = z.object({
  Parameters: z.record(z.string(), z.object({ Default: z.union([z.string(), z.number()]).optional() })),
  Conditions: z.record(z.string(), z.unknown()),
  Globals: z.object({ Function: z.object({ Environment }) }),
  Resources: z.record(z.string(), z.object({ Properties: z.object({ Environment: Environment.optional() }).optional() })),
});

/** By the name of the variable. Variables that no parameter influences are missing. */
export function templateParameters(): Map<string, TemplateParameter> {
  const file = new URL('../../template.yaml', import.meta.url);
  const { Parameters, Conditions, Globals, Resources } = Template.parse(parse(readFileSync(file, 'utf8'), { customTags: TAGS }));
  const functions = Object.values(Resources).map(({ Properties }) => Properties?.Environment?.Variables ?? {});
  const variables = Object.entries(Object.assign({}, Globals.Function.Environment.Variables, ...functions));
  return new Map(
    variables.flatMap(([variable, value]) => {
      const named = wordsIn(value).flatMap((word) => (word in Conditions ? wordsIn(Conditions[word]) : [word]));
      const name = named.find((word) => word in Parameters);
      if (name === undefined) return [];
      const sameValue = z.object({ Ref: z.literal(name) }).safeParse(value).success;
      const byDefault = Parameters[name]?.Default;
      return [[variable, { name, default: byDefault === undefined || byDefault === '' ? null : String(byDefault), sameValue }]];
    }),
  );
}

/** Every name in an expression of the template. */
function wordsIn(value: unknown): string[] {
  return JSON.stringify(value).match(/\w+/g) ?? [];
}
