// What tools/list advertises. Every token of it is paid by every agent in every conversation, so schemas are listed without what
// no model or client acts on. Calls and answers are checked against the full schemas: tool-calls.ts.
import type { ListToolsResult } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { AnyTool } from '../tools/define.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;
type ListedTool = ListToolsResult['tools'][number];

/** As the SDK wants it: plain JSON. */
const InputSchema = z.looseObject({ type: z.literal('object'), properties: z.record(z.string(), z.json()) });

/** Made once for all requests: converting the schemas takes longer than most calls. */
export function toolList(tools: readonly AnyTool[]): () => ListToolsResult {
  let list: ListToolsResult | undefined;
  return () => {
    list ??= { tools: tools.map(listedTool) };
    return list;
  };
}

export function listedTool({ name, title, description, input, output, annotations }: AnyTool): ListedTool {
  return {
    name,
    title,
    description,
    inputSchema: inputOf(input),
    ...(output && { outputSchema: outputOf(output) }),
    annotations,
  };
}

/** Everything but lengths and patterns: the refusal of a wrong argument names those. */
function inputOf(input: z.ZodObject): ListedTool['inputSchema'] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input', override: ({ jsonSchema }) => trim(jsonSchema) });
  return InputSchema.parse(schema);
}

/**
 * Draft 07, which clients of 2025 use, reads a 2020-12 tuple as an array that must be empty; ours have items of one kind. Gemini
 * refuses a whole request over `exclusiveMinimum`. The safe-integer bounds hold for every number in JSON.
 */
function trim(schema: JsonSchema): void {
  const [first] = schema.prefixItems ?? [];
  if (first) schema.items = first;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  for (const keyword of ['prefixItems', 'exclusiveMinimum', 'propertyNames', 'minLength', 'maxLength', 'pattern', 'format'])
    delete schema[keyword];
  // Open objects are read leniently, and strict tool calling knows no other than closed ones.
  const { additionalProperties: more } = schema;
  if (schema.properties && typeof more === 'object' && Object.keys(more).length === 0) delete schema.additionalProperties;
}

/**
 * Names and types of the fields, one level deep. Open to more, since clients keep schemas and a later version may answer with
 * more fields.
 */
function outputOf(output: z.ZodObject): { type: 'object'; properties: Record<string, { type: string | string[] }> } {
  const { properties = {} } = z.toJSONSchema(output, { io: 'output' });
  const fields = Object.entries(properties).map(([name, field]) => [name, { type: typeOf(field) }] as const);
  return { type: 'object', properties: Object.fromEntries(fields) };
}

function typeOf(field: z.core.JSONSchema._JSONSchema): string | string[] {
  if (typeof field === 'boolean') throw new TypeError('A field of an answer needs a type.');
  if (field.type !== undefined) return field.type;
  return (field.anyOf ?? []).flatMap(typeOf);
}
