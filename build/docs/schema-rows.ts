// The fields of a JSON schema as rows of a table: path, type, limits, description. Knows no single tool.
import type { z } from 'zod';

type JsonSchema = z.core.JSONSchema.JSONSchema;

export interface FieldRow {
  /** `tiles.done`, `findings[].box`. */
  path: string;
  type: string;
  /** As JSON; `null` if there is none. */
  fallback: string | null;
  required: boolean;
  limits: string;
  /** `null` if the schema has none. */
  description: string | null;
}

/** Fields in the order of the schema, each followed by the fields inside it. */
export function rowsOf(schema: JsonSchema, prefix = ''): FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const of = withoutNull(schemaOf(field));
    const path = prefix + name;
    const row: FieldRow = {
      path,
      type: of.isNullable ? `${typeOf(of.schema)} or null` : typeOf(of.schema),
      fallback: of.schema.default === undefined ? null : JSON.stringify(of.schema.default),
      required: schema.required?.includes(name) ?? false,
      limits: limitsOf(of.schema),
      description: of.description,
    };
    return [row, ...rowsOf(insideOf(of.schema), `${path}${of.schema.type === 'array' ? '[].' : '.'}`)];
  });
}

function schemaOf(field: z.core.JSONSchema._JSONSchema): JsonSchema {
  if (typeof field === 'boolean') throw new TypeError('Every field needs a schema of its own.');
  return field;
}

/** The schema of the value if it is not null, and whether it may be null. */
function withoutNull(field: JsonSchema): { schema: JsonSchema; isNullable: boolean; description: string | null } {
  const alternatives = field.anyOf?.map(schemaOf) ?? [field.type ?? []].flat().map((type) => ({ ...field, type }));
  const [schema, ...more] = alternatives.filter(({ type }) => type !== 'null');
  if (!schema || more.length > 0) throw new TypeError('A field needs one type, with or without null.');
  const description = field.description ?? schema.description ?? null;
  return { schema, isNullable: alternatives.length > 1, description };
}

function insideOf(schema: JsonSchema): JsonSchema {
  const { type, items, prefixItems } = schema;
  const hasOneKind = type === 'array' && !prefixItems && items !== undefined && !Array.isArray(items);
  return hasOneKind ? schemaOf(items) : schema;
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.prefixItems) return `${schema.prefixItems.length} numbers`;
  if (schema.type === 'array') return `list of ${typeOf(insideOf(schema))}`;
  const values = schema.additionalProperties;
  if (typeof values === 'object' && Object.keys(values).length > 0) return `object of ${typeOf(values)}`;
  return String(schema.type);
}

function limitsOf(schema: JsonSchema): string {
  const { minLength, maxLength, minItems, maxItems, pattern, format, prefixItems } = schema;
  const items = prefixItems ? prefixItems.map(schemaOf)[0] : schema.type === 'array' ? insideOf(schema) : undefined;
  const ofItems = items ? limitsOf(items) : '';
  const limits = [
    range(lower(schema), upper(schema), ''),
    exclusive(schema),
    range(minLength, maxLength, ' characters'),
    prefixItems ? '' : range(minItems, maxItems, ' items'),
    format === 'date-time' ? 'ISO 8601 with offset' : pattern && `\`${pattern}\``,
    ofItems && (ofItems.startsWith('each ') ? ofItems : `each ${ofItems}`),
  ];
  return limits.filter(Boolean).join('; ');
}

const lower = ({ minimum }: JsonSchema) => (minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum);
const upper = ({ maximum }: JsonSchema) => (maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum);
const exclusive = ({ exclusiveMinimum }: JsonSchema) => (exclusiveMinimum === undefined ? '' : `above ${exclusiveMinimum}`);

function range(from: number | undefined, to: number | undefined, unit: string): string {
  const [low, high] = [from, to].map((bound) => bound?.toLocaleString('en'));
  if (low !== undefined && high !== undefined) return `${low} to ${high}${unit}`;
  if (low !== undefined) return `from ${low}${unit}`;
  return high === undefined ? '' : `at most ${high}${unit}`;
}
