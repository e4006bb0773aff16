// A tool is a value. This file hands it to the MCP server, and is the one place that turns errors into what a caller reads.
import type {
  CallToolResult,
  McpServer,
  ServerContext,
  StandardSchemaWithJSON,
  ToolAnnotations,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { sentenceOf, UserError } from '../../pipeline/contract/errors.ts';
import type { ToolDeps } from '../access/deps.ts';

const FAULTS_MAX = 5; // what a sentence can hold
const FAULT_CHARACTERS_MAX = 160;

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  name: string;
  title: string;
  /** Read by a model: when to use it, what comes back, what to do next. */
  description: string;
  input: Input;
  output: Output;
  annotations: ToolAnnotations;
  run(args: z.infer<Input>, deps: ToolDeps): Promise<z.infer<Output>>;
}

/** A tool that answers with an image. It has no structured answer: clients that are given one show their model nothing else. */
export interface ImageTool<Input extends z.ZodObject = z.ZodObject> extends Omit<Tool<Input>, 'output' | 'run'> {
  run(args: z.infer<Input>, deps: ToolDeps): Promise<{ image: Uint8Array; mimeType: string; words: string }>;
}

/** `inPlaceOf` may give another result of the protocol in place of an answer: a task, for one that is still under way. */
export function addTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  server: McpServer,
  tool: Tool<Input, Output>,
  deps: ToolDeps,
  inPlaceOf?: (answer: object, context: ServerContext, deps: ToolDeps) => Promise<object | null>,
): void {
  const { name, title, description, annotations } = tool;
  const config = {
    title,
    description,
    annotations,
    inputSchema: asAdvertised(tool.input),
    outputSchema: asAdvertised(tool.output),
  };
  const registered = server.registerTool(name, config, async (args, context) => {
    try {
      const answer = tool.output.parse(await tool.run(parsed(tool, args), deps));
      const other = await inPlaceOf?.(answer, context, deps);
      if (!other) return answering(answer);
      // The SDK would hold it against the schema of answers. This server is of one request: no other one misses it.
      delete registered.outputSchema;
      return { content: [], ...other };
    } catch (error) {
      return refusal(name, error, deps);
    }
  });
}

export function addImageTool<Input extends z.ZodObject>(server: McpServer, tool: ImageTool<Input>, deps: ToolDeps): void {
  const { name, title, description, annotations } = tool;
  const config = { title, description, annotations, inputSchema: asAdvertised(tool.input) };
  server.registerTool(name, config, async (args) => {
    try {
      const { image, mimeType, words } = await tool.run(parsed(tool, args), deps);
      const block = { type: 'image' as const, data: Buffer.from(image).toString('base64'), mimeType };
      return { content: [block, { type: 'text', text: words }] };
    } catch (error) {
      return refusal(tool.name, error, deps);
    }
  });
}

const advertised = new WeakMap<z.ZodObject, StandardSchemaWithJSON>();

/**
 * Only lists the schema: `addTool` holds what comes and goes against it, in sentences a model can act on. Made once: the SDK asks
 * at every call, and making it takes longer than most of them.
 */
function asAdvertised(schema: z.ZodObject): StandardSchemaWithJSON {
  const known = advertised.get(schema) ?? madeOf(schema);
  advertised.set(schema, known);
  return known;
}

function madeOf(schema: z.ZodObject): StandardSchemaWithJSON {
  const { vendor, version } = schema['~standard'];
  const input = once(() => z.toJSONSchema(schema, { io: 'input', override: asClientsReadIt }));
  const output = once(() => z.toJSONSchema(schema, { io: 'output', override: openToMore }));
  const jsonSchema = { input, output };
  return { '~standard': { vendor, version, jsonSchema, validate: (value) => ({ value }) } };
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Clients keep schemas: a later version may answer with more than they know. And it costs 200 tokens to say that it may not. */
function openToMore(node: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  asClientsReadIt(node);
  if (node.jsonSchema.additionalProperties === false) delete node.jsonSchema.additionalProperties;
}

/**
 * Clients of 2025 validate by draft-07, to which a tuple of 2020-12 is an array that must be empty: ours are of one kind. And
 * bounds that every JavaScript number has cost tokens and say nothing.
 */
function asClientsReadIt({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const [first] = jsonSchema.prefixItems ?? [];
  if (first) {
    jsonSchema.items = first;
    delete jsonSchema.prefixItems;
  }
  delete jsonSchema.$schema; // 2020-12, which is the protocol's default
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** Some clients show the model only `structuredContent`, others only text: both say the same. */
export function answering(answer: Record<string, unknown>): CallToolResult {
  return { structuredContent: answer, content: [{ type: 'text', text: JSON.stringify(answer) }] };
}

function refusal(name: string, error: unknown, deps: ToolDeps): CallToolResult {
  return { isError: true, content: [{ type: 'text', text: sentenceFor({ tool: name }, error, deps) }] };
}

/** Only our own words leave the deployment; what was not foreseen goes to the log, under the reference that the sentence names. */
export function sentenceFor(asked: object, error: unknown, { log }: ToolDeps): string {
  const sentence = sentenceOf(error);
  if (sentence !== null) return sentence;
  const reference = crypto.randomUUID().slice(0, 8);
  log.error({ error, ...asked, reference }, 'A request failed unexpectedly.');
  return `Something inside failed (reference ${reference}). Try again; if it fails again, the log of this server says why.`;
}

function parsed<Input extends z.ZodObject>({ name, input }: Pick<Tool<Input>, 'name' | 'input'>, args: unknown): z.infer<Input> {
  const result = input.safeParse(args ?? {});
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, FAULTS_MAX).map((issue) => faultOf(issue).slice(0, FAULT_CHARACTERS_MAX));
  const accepted = Object.keys(input.shape).join(', ');
  throw new UserError(`Expected arguments that ${name} takes, got ${faults.join('; ')}. It takes ${accepted}.`);
}

function faultOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown ${issue.keys.join(', ')}`;
  const what = issue.message.replace(/^(Invalid input|Invalid option|Too small|Too big): /, '').replace(/\.$/, '');
  return `${issue.path.join('.')} (${what})`;
}
