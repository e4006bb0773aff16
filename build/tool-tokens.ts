// What the list of tools costs an agent, tool by tool, and what each skill costs that it reads: `npm run tokens`. Exit code 1 if one
// of them is over its budget.
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
/** The first is the one that teaches all tools; the rest are read in addition. */
const SKILL_TOKENS_MAX = { tilesight: 2_900, rest: 1_100 };

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

export interface SkillCost {
  name: string;
  /** Its description: what an agent pays for a skill that it does not read. */
  description: number;
  all: number;
  budget: number;
}

export function skillCosts(): SkillCost[] {
  const folder = join(import.meta.dirname, '../skills');
  return globSync('*/SKILL.md', { cwd: folder })
    .sort()
    .map((file) => {
      const name = basename(dirname(file));
      const text = readFileSync(join(folder, file), 'utf8');
      return {
        name,
        description: tokensIn(descriptionIn(text)),
        all: tokensIn(text),
        budget: name === 'tilesight' ? SKILL_TOKENS_MAX.tilesight : SKILL_TOKENS_MAX.rest,
      };
    });
}

function descriptionIn(skill: string): string {
  const [line] = /^description: .*$/m.exec(skill) ?? [];
  if (!line) throw new Error('A skill needs a description of one line.');
  return line;
}

function skillReportOf(skills: readonly SkillCost[]): string {
  const rows = skills.map(({ name, ...costs }) => [name, ...Object.values(costs).map(String)]);
  return table([['skill', 'description', 'all', 'budget'], ...rows]);
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
  const skills = skillCosts();
  console.log(`${reportOf(cost)}\n\n${skillReportOf(skills)}`);
  const long = skills.filter(({ all, budget }) => all > budget).map(({ name }) => name);
  if (long.length > 0) {
    console.error(`These skills are over their budget: ${long.join(', ')}. Shorten them.`);
    process.exitCode = 1;
  }
  if (cost.all > cost.budget) {
    console.error('The list of tools is over its budget. Shorten descriptions, or leave out arguments that no agent needs.');
    process.exitCode = 1;
  }
}
