// Calls of a tool that name something with an owner, derived from its schema and from what it declares as `owned`.
import { z } from 'zod';
import type { AnyTool } from '../../mcp-server/tools/define.ts';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';

const KINDS = ['execution', 'image'] as const;

/** An id of each kind. */
export type Ids = Record<(typeof KINDS)[number], string>;
type Arguments = Record<string, unknown>;
type JsonSchema = z.core.JSONSchema.JSONSchema;

const EXECUTION_ID_PATTERN = z.toJSONSchema(ExecutionId).pattern;

function schemaOf({ input }: AnyTool): { properties: [string, JsonSchema][]; required: string[] } {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' });
  return { properties: Object.entries(properties).map(([name, schema]) => [name, Object(schema)]), required };
}

/** A value that the schema takes, as small as it may be. */
function sampleOf(schema: JsonSchema): unknown {
  if (schema.enum) return schema.enum[0];
  if (schema.prefixItems) return schema.prefixItems.map((item) => sampleOf(Object(item)));
  switch (schema.type) {
    case 'string':
      return 'x'.repeat(schema.minLength ?? 1);
    case 'number':
    case 'integer':
      return schema.minimum ?? 1;
    case 'boolean':
      return false;
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(Object(schema.items)));
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(Object(schema.properties?.[name]))] as const),
      );
    default:
      return {};
  }
}

const valueFor = (schema: JsonSchema, id: string) => (schema.type === 'array' ? [id] : id);

/** What must be sent in any case: samples, and the ids of what is owned. */
function leastArguments(tool: AnyTool, ids: Ids): Arguments {
  const { properties, required } = schemaOf(tool);
  const owned: Partial<Record<string, keyof Ids>> = tool.owned;
  return Object.fromEntries(
    properties
      .filter(([name]) => required.includes(name))
      .map(([name, schema]) => {
        const kind = owned[name];
        return [name, kind ? valueFor(schema, ids[kind]) : sampleOf(schema)];
      }),
  );
}

/** Calls that name what `ids` name: by the required arguments, and by each optional one beside them. */
export function ownedCalls(tool: AnyTool, ids: Ids): Arguments[] {
  const { properties, required } = schemaOf(tool);
  const owned: Partial<Record<string, keyof Ids>> = tool.owned;
  const least = leastArguments(tool, ids);
  const optional = properties.flatMap(([name, schema]) => {
    const kind = owned[name];
    return kind && !required.includes(name) ? [{ ...least, [name]: valueFor(schema, ids[kind]) }] : [];
  });
  return Object.keys(owned).some((name) => required.includes(name)) ? [least, ...optional] : optional;
}

/** A call without any id of `ids`; `null` if the tool requires one. */
export function callWithoutIds(tool: AnyTool, ids: Ids): Arguments | null {
  const least = leastArguments(tool, ids);
  return Object.values(ids).some((id) => JSON.stringify(least).includes(id)) ? null : least;
}

/** Two calls for each argument that takes any text but is not declared as owned: with an id of `ids`, and with one of `unknown`. */
export function undeclaredCalls(
  tool: AnyTool,
  ids: Ids,
  unknown: Ids,
): { argument: string; withId: Arguments; withUnknown: Arguments }[] {
  const least = leastArguments(tool, ids);
  const texts = schemaOf(tool).properties.filter(([name, schema]) => !(name in tool.owned) && takesText(schema));
  return texts.flatMap(([argument, schema]) =>
    KINDS.map((kind) => ({
      argument,
      withId: { ...least, [argument]: valueFor(schema, ids[kind]) },
      withUnknown: { ...least, [argument]: valueFor(schema, unknown[kind]) },
    })),
  );
}

function takesText(schema: JsonSchema): boolean {
  const { type, enum: fixed } = schema.type === 'array' ? Object(schema.items) : schema;
  return type === 'string' && fixed === undefined;
}

/** Arguments that have the form of an execution_id but are not declared as owned. */
export function undeclaredIds(tool: AnyTool): string[] {
  const ids = schemaOf(tool).properties.filter(([, schema]) =>
    JSON.stringify(schema).includes(JSON.stringify(EXECUTION_ID_PATTERN)),
  );
  return ids.map(([name]) => name).filter((name) => !(name in tool.owned));
}
