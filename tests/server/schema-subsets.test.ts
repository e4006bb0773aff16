// The listed schemas are read by more than MCP clients: hosts pass them on to models, whose APIs refuse a whole request over one keyword.
import { Ajv } from 'ajv';
import { toStrictJsonSchema } from 'openai/lib/transform';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listedTool } from '../../mcp-server/protocol/tool-list.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';

const tools = TOOLS.map((tool) => listedTool(tool));
const inputs = tools.map(({ name, inputSchema }) => [name, inputSchema] as const);
const schemas = tools.flatMap(({ name, inputSchema, outputSchema }) => [
  [`the input of ${name}`, inputSchema] as const,
  ...(outputSchema ? [[`the output of ${name}`, outputSchema] as const] : []),
]);

/**
 * https://ai.google.dev/api/caching#Schema: all that a function declaration may have. `additionalProperties` is left out by Gemini CLI and by
 * @google/genai. That library is no dependency of this test: it has 41 packages with 32 MB, its `mcpToTool` passes schemas on as they are, and
 * it does not export the conversion that it applies to `parameters`. Version 3.3.0 converted all tools to keywords of this list on 2026-11-28.
 */
const GEMINI = [
  ...['type', 'format', 'title', 'description', 'nullable', 'enum', 'maxItems', 'minItems', 'properties', 'required'],
  ...['minProperties', 'maxProperties', 'minLength', 'maxLength', 'pattern', 'example', 'anyOf', 'propertyOrdering', 'default'],
  ...['items', 'minimum', 'maximum', 'additionalProperties'],
];
/** https://platform.openai.com/docs/guides/structured-outputs#supported-schemas: what strict mode knows, on every type. */
const OPENAI_STRICT = [
  ...['type', 'description', 'title', 'enum', 'const', 'anyOf', 'properties', 'required', 'additionalProperties', 'items'],
  ...['minimum', 'maximum', 'minItems', 'maxItems', 'default'],
];
/** What the conversion of @google/genai knows; it sends every other type as TYPE_UNSPECIFIED. */
const GEMINI_TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object'];
const Node = z.looseObject({
  type: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
});

type Node = z.infer<typeof Node>;

/** A schema and all schemas in it. */
function nodesOf(schema: unknown): Node[] {
  const node = Node.parse(schema);
  const inner = [
    ...Object.values(node.properties ?? {}),
    ...(node.items === undefined ? [] : [node.items]),
    ...(node.anyOf ?? []),
  ];
  return [node, ...inner.flatMap(nodesOf)];
}

const keywordsOf = (schema: unknown): string[] => nodesOf(schema).flatMap(Object.keys);

/** Schemas that @google/genai refuses to convert, converts to one without a type, or writes in another form. */
function notConvertible(schema: unknown): Node[] {
  return nodesOf(schema).filter(({ type, anyOf }) =>
    anyOf === undefined ? !GEMINI_TYPES.some((known) => known === type) : type !== undefined,
  );
}

/** What hosts do before strict calling: every argument is required, also within lists, and `null` stands for one that is left out. */
function nullable(schema: unknown): Record<string, unknown> {
  const node = Node.parse(schema);
  if (node.items !== undefined) return { ...node, items: nullable(node.items) };
  if (!node.properties) return node;
  const required = z.array(z.string()).parse(node.required ?? []);
  const properties = Object.entries(node.properties).map(([name, field]) => [
    name,
    required.includes(name) ? nullable(field) : { anyOf: [nullable(field), { type: 'null' }] },
  ]);
  return { ...node, properties: Object.fromEntries(properties), required: Object.keys(node.properties) };
}

const beyond = (known: readonly string[], schema: unknown) =>
  [...new Set(keywordsOf(schema))].filter((key) => !known.includes(key));

describe('every schema of the list', () => {
  test.each(schemas)('%s is valid draft 07 without an unknown keyword', (_, schema) => {
    const ajv = new Ajv({ strict: true, allowUnionTypes: true });
    expect(() => ajv.compile(JSON.parse(JSON.stringify(schema)))).not.toThrow();
  });
});

describe('the input of every tool', () => {
  test.each(inputs)('%s stays within what Gemini takes', (_, schema) => {
    expect(beyond(GEMINI, schema)).toEqual([]);
    expect(notConvertible(schema)).toEqual([]);
  });

  test.each(inputs)(
    '%s becomes a strict schema by the library of OpenAI, once a host has made optional arguments nullable',
    (_, schema) => {
      const strict = toStrictJsonSchema(nullable(schema));
      expect(beyond(OPENAI_STRICT, strict)).toEqual([]);
      expect(strict.required).toEqual(Object.keys(schema.properties ?? {}));
    },
  );

  test('keywords that end a request elsewhere are noticed', () => {
    const schema = { type: 'object', properties: { cost: { type: 'number', exclusiveMinimum: 0 } } };
    expect([beyond(GEMINI, schema), beyond(OPENAI_STRICT, schema)]).toEqual([['exclusiveMinimum'], ['exclusiveMinimum']]);
    const faults = [{ type: 'object', anyOf: [{ type: 'string' }] }, { type: 'null' }, { type: ['string', 'null'] }, {}];
    expect(faults.map((fault) => notConvertible({ anyOf: [fault] }).length)).toEqual([1, 1, 1, 1]);
  });
});
