// What was found: filters, the list, one finding in full, and the address, in which the selected one stands. One selection for all.
import { byId, count, counted } from '../shared/element.ts';
import { loadFindings } from '../shared/findings.ts';
import type { ImagePart } from '../viewer/image-part.ts';
import { filterForm } from './filter-form.ts';
import { findingCard } from './finding-card.ts';
import { findingList } from './finding-list.ts';

export interface FindingsPart {
  select(row: number | null): void;
}

/** Null when there are no findings, or none yet. */
export async function findingsPart(executionId: string, image: ImagePart): Promise<FindingsPart | null> {
  const findings = await loadFindings(executionId);
  if (!findings) return null;
  const said = byId('said', HTMLElement);
  const section = byId('findings', HTMLElement);
  section.hidden = false;
  let selected: number | null = null;

  const select = (row: number | null) => {
    if (row === selected) return;
    selected = row;
    image.select(row);
    list.select(row);
    card.show(row);
    const address = row === null ? location.pathname : `#${encodeURIComponent(findings.idOf(row))}`;
    history.replaceState(null, '', address);
    said.textContent = row === null ? 'None selected.' : `${findings.idOf(row)}, ${findings.labelOf(row)}, selected.`;
  };
  const open = (row: number) => {
    select(row);
    image.flyTo(findings.boxOf(row));
    byId('viewer', HTMLElement).scrollIntoView({ block: 'nearest' }); // on a phone it may be above
    said.textContent = `${findings.idOf(row)}, ${findings.labelOf(row)}, shown in the image.`;
  };
  const close = () => {
    select(null);
    byId('list', HTMLElement).focus({ preventScroll: true });
  };

  const list = findingList(byId('list', HTMLElement), findings, { onSelect: select, onOpen: open, onEscape: () => select(null) });
  const card = findingCard(executionId, { onOpen: open, onClose: close });
  image.showFindings(findings);
  const show = (rows: Uint32Array) => {
    image.showRows(rows);
    list.show(rows);
    byId('count', HTMLElement).textContent =
      rows.length === findings.count
        ? counted(findings.count, 'finding')
        : `${count(rows.length)} of ${counted(findings.count, 'finding')}`;
  };
  const filters = filterForm(findings, ({ rows }) => show(rows));
  show(filters.now().rows);

  const openAddressed = () => {
    const row = findings.rowOf(decodeURIComponent(location.hash.slice(1)));
    if (row < 0) return;
    if (!filters.now().rows.includes(row)) filters.clear();
    open(row);
  };
  addEventListener('hashchange', openAddressed);
  openAddressed();
  addEventListener('keydown', ({ key, target }) => {
    if (key === 'Escape' && !(target instanceof HTMLInputElement)) select(null);
  });
  return { select };
}
