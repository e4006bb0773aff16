// Clients with many tools defer them behind a search over names and descriptions. What people ask for must find the right tool.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { CLIENTS, connected, type ListedTool } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';

const Parameters = z.record(z.string(), z.looseObject({ description: z.string().optional() }));

/** Words in lower case without endings that change with number and tense. */
function stemsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  return words.map((word) => (word.length > 3 ? word.replace(/(s|ed|ing)$/, '') : word));
}

/** A word counts most in the name, then in the title, the description and the parameters. */
function scoreOf({ name, title, description, inputSchema }: ListedTool, query: string): number {
  const parameters = Object.entries(Parameters.parse(inputSchema.properties))
    .map(([key, { description }]) => `${key} ${description ?? ''}`)
    .join(' ');
  const fields = [
    [4, name],
    [3, title],
    [2, description],
    [1, parameters],
  ] as const;
  const scores = stemsOf(query).map((word) => {
    const [weight] = fields.find(([, text]) => stemsOf(text).includes(word)) ?? [0];
    return weight;
  });
  return scores.reduce((sum: number, score) => sum + score, 0);
}

test.each([
  ['OCR', 'analyze_image'],
  ['read text', 'analyze_image'],
  ['detect objects', 'analyze_image'],
  ['object detection', 'analyze_image'],
  ['screenshot', 'analyze_image'],
  ['photo', 'analyze_image'],
  ['scan', 'analyze_image'],
  ['find things in an image', 'analyze_image'],
  ['count', 'list_findings'],
  ['count objects', 'list_findings'],
  ['crop', 'view_region'],
  ['zoom', 'view_region'],
  ['zoom crop image', 'view_region'],
  ['upload a file', 'create_upload'],
  ['ask a question', 'ask_image'],
  ['answer with evidence', 'ask_image'],
])('a search for "%s" finds %s first', async (query, expected) => {
  const tools = await (await connected(CLIENTS[0], await testServer())).listTools();
  const ranked = tools.map((tool) => ({ name: tool.name, score: scoreOf(tool, query) })).sort((a, b) => b.score - a.score);
  expect(ranked[0]?.name).toBe(expected);
  expect(ranked[0]?.score).toBeGreaterThan(ranked[1]?.score ?? 0);
});
