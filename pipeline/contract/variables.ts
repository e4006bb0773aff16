// How environment variables are declared: a zod schema with a description, one row a variable. Knows no variable.
import { z } from 'zod';

/** Names and schemas. The `meta` of each schema has a `description`, which docs/configuration.md shows. */
export type Variables = Readonly<Record<string, z.ZodType>>;

/** Anything that declares variables, for example a provider or an image source. */
export type Declaring = Readonly<Record<string, { variables: () => Variables }>>;

/** `A & B` of `A | B`. */
export type AllOf<Union> = (Union extends unknown ? (part: Union) => void : never) extends (all: infer All) => void ? All : never;

export type VariablesOf<Rows extends Declaring> = AllOf<ReturnType<Rows[keyof Rows]['variables']>>;

/** The variables of all rows as one shape for `z.object`. */
export function variablesOf<Rows extends Declaring>(rows: Rows): VariablesOf<Rows> {
  return Object.assign({}, ...Object.values(rows).map(({ variables }) => variables()));
}

/** A list in one variable. Blank entries are dropped. */
export const list = (separator: string) =>
  z.string().transform((text) =>
    text
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/** A whole number from `min` to `max`. Its checks are added at once: each one by itself would copy the schema. */
export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().check(z.int(), z.gte(min), z.lte(max));
