// Runs a tool for a call: parses the arguments, checks the answer, and turns what is thrown into a sentence. Knows no single tool.
import type { McpServer, ServerContext, StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { ToolDeps } from '../access/deps.ts';
import type { AnyTool } from '../tools/define.ts';
import { answerWith, answerWithImages, refuseWith, sentenceFor, withNotes } from './answers.ts';
import { questionBefore } from './confirmation.ts';
import { type ReadArguments, readArguments } from './lenient-arguments.ts';
import { progressReports } from './progress-notifications.ts';
import { taskFor } from './tasks.ts';

const FAULTS_MAX = 5; // what a sentence can hold
const FAULT_CHARACTERS_MAX = 160;

/**
 * The SDK must not validate: a refusal is a sentence that a model can act on, and an answer may be a task. What clients see of
 * the schemas is listed in tool-list.ts.
 */
const UNCHECKED: StandardSchemaWithJSON = {
  '~standard': {
    vendor: 'tilesight',
    version: 1,
    validate: (value) => ({ value }),
    jsonSchema: {
      input: () => ({ type: 'object' }),
      output: () => ({ type: 'object' }),
    },
  },
};

/** `streams` if a notification reaches the client before the answer. */
export function addTool(server: McpServer, tool: AnyTool, deps: ToolDeps, streams = false): void {
  server.registerTool(tool.name, { inputSchema: UNCHECKED }, async (args, context) => {
    let notes: readonly string[] = [];
    try {
      const read = parsed(tool, args);
      notes = read.notes;
      const onProgress = streams ? progressReports(context, deps) : undefined;
      const ofCall = { signal: context.mcpReq.signal, onProgress, client: clientOf(server, context) };
      return await answerTo(tool, read, context, { ...deps, ...ofCall });
    } catch (error) {
      return refuseWith([sentenceFor({ tool: tool.name }, error, deps), ...notes].join(' '));
    }
  });
}

async function answerTo(tool: AnyTool, { values, notes }: Read, context: ServerContext, deps: ToolDeps) {
  if (tool.confirmation) {
    const question = await questionBefore(`${tool.name} ${JSON.stringify(values)}`, tool.confirmation(values), context);
    if (question) return question;
  }
  if (tool.output === null) return withNotes(answerWithImages(await tool.run(values, deps)), notes);
  const answer = tool.output.parse(await tool.run(values, deps));
  const task = tool.isTask ? await taskFor(answer, context, deps) : null;
  if (task) return { content: [], ...task };
  return withNotes(answerWith(answer), notes);
}

/** A stateless request of the 2025 protocol names only the program that sends it. */
function clientOf({ server }: McpServer, { http }: ServerContext): string | null {
  return server.getClientVersion()?.name ?? http?.req?.headers.get('user-agent') ?? null;
}

type Read = Pick<ReadArguments, 'values' | 'notes'>;

/** A refusal names unknown arguments too: one of them may be the missing one, misspelled. */
function parsed({ name, input }: AnyTool, args: unknown): Read {
  const { values, notes, unknown, misspelled } = readArguments(input, args);
  const accepted = Object.keys(input.shape).join(', ');
  const [first] = misspelled;
  if (first) {
    const sent = first.sent.slice(0, FAULT_CHARACTERS_MAX);
    throw new UserError(`${name} has no argument ${sent}. Did you mean ${first.known}? The arguments are ${accepted}.`);
  }
  const result = input.safeParse(values);
  if (result.success) return { values: result.data, notes };
  const faults = result.error.issues.map(faultOf);
  if (unknown.length > 0) faults.push(`unknown ${unknown.join(', ')}`);
  const named = faults.slice(0, FAULTS_MAX).map((fault) => fault.slice(0, FAULT_CHARACTERS_MAX));
  throw new UserError(`Invalid arguments for ${name}: ${named.join('; ')}. The arguments are ${accepted}.`);
}

/** The schema library's words for a fault, as a person would say them. */
const IN_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(Invalid input|Invalid option|Too small|Too big): /, ''],
  [/\.$/, ''],
  [/^expected .*, received undefined$/, 'required, but missing'],
  [/^expected \w+ to (be|have) >=/, 'expected at least '],
  [/^expected \w+ to (be|have) <=/, 'expected at most '],
  [/^expected \w+ to (be|have) >/, 'expected more than '],
  [/^expected \w+ to (be|have) </, 'expected less than '],
];

function faultOf(issue: z.core.$ZodIssue): string {
  const fault = IN_WORDS.reduce((words, [pattern, replacement]) => words.replace(pattern, replacement), issue.message);
  return `${issue.path.join('.')} (${fault})`;
}
