// What the list of tools costs an agent, tool by tool: `npm run tokens`. Exit code 1 if it is over the budget.
import { tokensIn } from '../mcp-server/executions/token-budget.ts';
import { listedTool } from '../mcp-server/protocol/tool-list.ts';
import { instructionsFor } from '../mcp-server/server.ts';
import type { AnyTool } from '../mcp-server/tools/define.ts';
import { TOOLS } from '../mcp-server/tools/index.ts';
import { table } from './docs/generated-page.ts';

/** 3,598 for seven tools: what the first seven cost once their answers were listed one level deep. */
const TOKENS_PER_TOOL = 514;
/** Every agent pays it in every conversation, whether it calls a tool or not. */
const TOKENS_MAX = 6_500;

export interface ToolCost {
  name: string;
  description: number;
  input: number;
  output: number;
  annotations: number;
  /** More than the sum: it has the JSON around the parts. */
  all: number;
}

export interface ToolListCost {
  tools: ToolCost[];
  instructions: number;
  /** The list and the instructions. */
  all: number;
  budget: number;
}

export function toolListCost(tools: readonly AnyTool[]): ToolListCost {
  const listed = tools.map(listedTool);
  const instructions = instructionsFor(tools);
  return {
    tools: listed.map((tool) => ({
      name: tool.name,
      description: tokensIn(`${tool.title}${tool.description}`),
      input: tokensIn(JSON.stringify(tool.inputSchema)),
      output: tool.outputSchema ? tokensIn(JSON.stringify(tool.outputSchema)) : 0,
      annotations: tokensIn(JSON.stringify(tool.annotations)),
      all: tokensIn(JSON.stringify(tool)),
    })),
    instructions: tokensIn(instructions),
    all: tokensIn(JSON.stringify(listed) + instructions),
    budget: Math.min(TOKENS_PER_TOOL * tools.length, TOKENS_MAX),
  };
}

function reportOf({ tools, instructions, all, budget }: ToolListCost): string {
  const rows = tools.map(({ name, ...costs }) => [name, ...Object.values(costs).map(String)]);
  return [
    table([['tool', 'description', 'input', 'output', 'annotations', 'all'], ...rows]),
    '',
    `Instructions: ${instructions} tokens. List and instructions: ${all} of ${budget} tokens (bytes / 3.5).`,
  ].join('\n');
}

if (import.meta.main) {
  const cost = toolListCost(TOOLS);
  console.log(reportOf(cost));
  if (cost.all > cost.budget) {
    console.error('The list of tools is over its budget. Shorten descriptions, or leave out arguments that no agent needs.');
    process.exitCode = 1;
  }
}
