// Accessibility of a page that is open in the browser, by axe-core.
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';

/** WCAG 2.2 up to AA, and what axe-core calls best practices. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
const NODES_MAX = 3;

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary: string }[];
}

/** Every violation as a line: the rule, its impact and the elements. Works under a policy that allows no scripts of other origins. */
export async function violationsOf(page: Page): Promise<string[]> {
  const source = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  await page.evaluate(source);
  const options = JSON.stringify({ runOnly: { type: 'tag', values: RULES } });
  const violations = await page.evaluate<Violation[]>(`axe.run(document, ${options}).then(({ violations }) => violations)`);
  return violations.map(
    ({ id, impact, nodes }) =>
      `${id} (${impact}): ${nodes
        .slice(0, NODES_MAX)
        .map(({ html, failureSummary }) => `${html} ${failureSummary}`)
        .join(' | ')}`,
  );
}
