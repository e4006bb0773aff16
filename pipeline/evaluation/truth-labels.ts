// Which label of the truth a finding's label means. Pure.
import { cocoLabels } from '../providers/coco-labels.ts';

/**
 * The label of the truth with the same name, in any case. Without one, the label that means it in the words of the local models: a truth
 * that says `bike` or `vehicle` gets the findings with `bicycle`; of several, the one that means the fewest labels. `null` if no label does.
 */
export function truthLabels(labels: readonly string[]): (found: string) => string | null {
  const byName = new Map(labels.map((label) => [plain(label), label]));
  const wider = labels
    .map((label) => ({ label, means: cocoLabels(label) }))
    .filter(({ means }) => means.length > 0)
    .sort((a, b) => a.means.length - b.means.length);
  return (found) => byName.get(plain(found)) ?? wider.find(({ means }) => means.includes(plain(found)))?.label ?? null;
}

function plain(label: string): string {
  return label.trim().toLowerCase();
}
