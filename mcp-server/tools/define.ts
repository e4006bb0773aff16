// A tool is a value. This file hands it to the MCP server, and is the one place that turns errors into tool results.
import type { CallToolResult, McpServer, ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { sentenceOf } from '../../pipeline/core/errors.ts';
import type { ToolDeps } from '../deps.ts';

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

export function addTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  server: McpServer,
  tool: Tool<Input, Output>,
  deps: ToolDeps,
): void {
  const { name, title, description, annotations } = tool;
  const config = {
    title,
    description,
    annotations,
    inputSchema: tool.input as z.ZodObject,
    outputSchema: tool.output as z.ZodObject,
  };
  server.registerTool(name, config, async (args) => await resultOf(tool, args as z.infer<Input>, deps));
}

/** Some clients show the model only `structuredContent`, others only text: both say the same. */
async function resultOf<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
  args: z.infer<Input>,
  deps: ToolDeps,
): Promise<CallToolResult> {
  try {
    const answer = await tool.run(args, deps);
    return { structuredContent: answer, content: [{ type: 'text', text: JSON.stringify(answer) }] };
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: sentenceOf(error) ?? unexpected(tool.name, error, deps) }] };
  }
}

/** Only our own words leave the deployment; the reference finds the cause in the log. */
function unexpected(tool: string, error: unknown, { log }: ToolDeps): string {
  const reference = crypto.randomUUID().slice(0, 8);
  log.error({ error, tool, reference }, 'A tool failed unexpectedly.');
  return `Something inside failed (reference ${reference}). Try again; if it fails again, the log of this server says why.`;
}
