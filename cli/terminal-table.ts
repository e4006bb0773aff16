// Findings as a table for a terminal: totals by label, then the first findings.
import Table from 'cli-table3';
import { printable } from '../pipeline/contract/printable.ts';
import type { FindingsDocument, TileTotals } from '../pipeline/contract/schemas.ts';

const ROWS_MAX = 40;
const TEXT_CHARACTERS_MAX = 40;

export function findingsTable({ findings, image, tiles }: FindingsDocument): string {
  const counts = { ...tiles, failed: tiles.failed.length, not_analyzed: tiles.not_analyzed.length };
  const noun = findings.length === 1 ? 'finding' : 'findings';
  const size = `${image.width} x ${image.height} px`;
  const head = `${findings.length} ${noun} in ${size}, ${tilesInWords(counts)}`;
  if (findings.length === 0) return `${head}.`;
  const labels = [...Map.groupBy(findings, ({ label }) => label)].map(([label, group]) => ({ label, count: group.length }));
  const byCount = labels.sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
  const totals = byCount.map(({ label, count }) => `${short(label)} ${count}`).join(', ');
  const table = new Table({
    head: ['id', 'label', 'score', 'left', 'top', 'width', 'height', 'text'],
    style: { head: [], border: [], compact: true },
  });
  for (const { id, label, score, box, text } of findings.slice(0, ROWS_MAX)) {
    const sides = box.map((side) => Math.round(side).toString());
    table.push([printable(id), short(label), score.toFixed(2), ...sides, text === null ? '' : short(text)]);
  }
  const more = findings.length > ROWS_MAX ? `\n… and ${findings.length - ROWS_MAX} more in findings.json` : '';
  return `${head}: ${totals}\n${table.toString()}${more}`;
}

/** `4 of 12 tiles analyzed, 1 blank, 2 failed, 5 not analyzed` */
export function tilesInWords({ total, done, blank, failed, not_analyzed }: TileTotals): string {
  const others = Object.entries({ blank, failed, 'not analyzed': not_analyzed }).filter(([, count]) => count > 0);
  return [`${done} of ${total} tiles analyzed`, ...others.map(([name, count]) => `${count} ${name}`)].join(', ');
}

function short(text: string): string {
  return [...printable(text)].slice(0, TEXT_CHARACTERS_MAX).join('');
}
