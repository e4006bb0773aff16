// Writes docs/tools.md and the tables of tools in the README and the skill, from mcp-server/tools/index.ts, or with --check fails
// if one of them is stale: `node build/docs/tools-page.ts [--check]`.
import { z } from 'zod';
import { instructionsFor } from '../../mcp-server/server.ts';
import type { AnyTool } from '../../mcp-server/tools/define.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { table, writeOrCheck, writeOrCheckBlock } from './generated-page.ts';
import { type FieldRow, rowsOf } from './schema-rows.ts';

const cell = (text: string | null) => text?.replaceAll('|', '\\|') ?? null;

function parametersOf({ input }: AnyTool): string {
  const rows = rowsOf(z.toJSONSchema(input, { io: 'input' })).map((row) => [
    `\`${row.path}\``,
    row.type,
    row.required ? 'required' : row.fallback,
    row.limits,
    row.description,
  ]);
  return table([['parameter', 'type', 'default', 'limits', 'meaning'], ...rows.map((cells) => cells.map(cell))]);
}

/** What the tools without a structured answer return. */
const UNSTRUCTURED: Record<string, string> = {
  view_region: 'An image, and a line of text below it.',
  next_tiles:
    'Instructions with the request, then for each tile a line with its id and size and its image, and last the next step. If no tile can be handed out, a sentence says why.',
};

function answerOf({ name, output }: AnyTool): string {
  if (output === null) {
    const answer = UNSTRUCTURED[name];
    if (answer === undefined) throw new TypeError(`Describe the answer of ${name} in UNSTRUCTURED.`);
    return `${answer} There is no structured answer.`;
  }
  const rows = rowsOf(z.toJSONSchema(output)).map((row) => [`\`${row.path}\``, typeIn(row), row.description]);
  return table([['field', 'type', 'meaning'], ...rows.map((cells) => cells.map(cell))]);
}

const typeIn = ({ type, required }: FieldRow) => (required ? type : `${type}, optional`);

/** The defaults of the protocol: not read-only, destructive, not idempotent, open world. */
function hintsOf({ annotations }: AnyTool): string {
  const { readOnlyHint = false, destructiveHint = true, idempotentHint = false, openWorldHint = true } = annotations;
  const hints = [
    readOnlyHint ? 'reads only' : destructiveHint ? 'ends or deletes something' : 'creates something',
    idempotentHint ? 'a repeated call has no further effect' : 'every call has an effect of its own',
    openWorldHint ? 'may reach other hosts' : 'stays inside the deployment',
  ];
  return `${hints.join('; ')}.`.replace(/^./, (letter) => letter.toUpperCase());
}

function sectionOf(tool: AnyTool): string {
  return `## ${tool.name}

**${tool.title}.** ${tool.description}

${hintsOf(tool)}

${parametersOf(tool)}

### Answer of ${tool.name}

${answerOf(tool)}
`;
}

const page = `# Tools

Written by \`npm run docs\` from [mcp-server/tools](../mcp-server/tools/index.ts). How to add one: [add a tool](contributing/add-a-tool.md).

${table([['tool', 'title'], ...TOOLS.map(({ name, title }) => [`[\`${name}\`](#${name})`, title])])}

An answer comes twice, with the same content: as \`structuredContent\` and as JSON text. A call that cannot be carried out is answered with \`isError\` and sentences that name the problem and what to do. Every structured answer has \`next_step\`. Boxes are \`[left, top, width, height]\` in pixels of the full image.

\`tools/list\` shows less than this page: parameters without lengths and patterns, and only names and types of the top-level answer fields, because every agent pays for the list in every conversation (\`npm run tokens\`). Arguments and answers are checked against everything that stands here.

The server's instructions: "${instructionsFor(TOOLS)}"

${TOOLS.map(sectionOf).join('\n')}`;

writeOrCheck('tools.md', page);
writeOrCheckBlock('README.md', 'tools', table([['tool', 'for'], ...TOOLS.map(({ name, title }) => [`\`${name}\``, title])]));
writeOrCheckBlock('skills/tilesight/SKILL.md', 'tools', `Tools: ${TOOLS.map(({ name }) => `\`${name}\``).join(', ')}.`);
