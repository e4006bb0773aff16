// The findings of an execution: filters, list, the selected finding in full and in the address. One selection for all of them.
import { byId, count, counted } from '../shared/element.ts';
import { loadFindings } from '../shared/findings.ts';
import type { ImagePart } from '../viewer/image-part.ts';
import { filterForm } from './filter-form.ts';
import { findingCard } from './finding-card.ts';
import { findingList } from './finding-list.ts';

export interface FindingsPart {
  select(row: number | null): void;
  /** Scrolls to the finding that the address names. What is above the list may have grown since. */
  reveal(): void;
}

/** `null` if the execution has no findings document, or none yet. */
export async function findingsPart(executionId: string, image: ImagePart): Promise<FindingsPart | null> {
  const findings = await loadFindings(executionId);
  if (!findings) return null;
  const announcement = byId('announcement', HTMLElement);
  const section = byId('findings', HTMLElement);
  section.hidden = false;
  byId('choices', HTMLElement).hidden = findings.count === 0;
  let selected: number | null = null;

  const nameOf = (row: number) => `${findings.idOf(row)}, ${findings.labelOf(row)}`;
  const select = (row: number | null) => {
    if (row === selected) return;
    selected = row;
    image.select(row);
    list.select(row);
    card.show(row);
    const address = row === null ? location.pathname : `#${encodeURIComponent(findings.idOf(row))}`;
    history.replaceState(null, '', address);
    announcement.textContent = row === null ? 'Selection cleared.' : `${nameOf(row)}, selected.`;
  };
  const open = (row: number) => {
    select(row);
    image.flyTo(findings.boxOf(row));
    byId('viewer', HTMLElement).scrollIntoView({ block: 'nearest' }); // on a phone the image is above the list
    announcement.textContent = `${nameOf(row)}, shown in the image.`;
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
    const total = findings.count === 0 ? 'No findings.' : counted(findings.count, 'finding');
    byId('count', HTMLElement).textContent = rows.length === findings.count ? total : `${count(rows.length)} of ${total}`;
  };
  const filters = filterForm(findings, ({ rows }) => show(rows));
  show(filters.current().rows);

  const reveal = () => {
    if (selected === null || idIn(location.hash) !== findings.idOf(selected)) return;
    list.reveal();
    byId('viewer', HTMLElement).scrollIntoView({ block: 'nearest' }); // on a phone, where both do not fit
  };
  const openAddressed = () => {
    const id = idIn(location.hash);
    const row = id === null ? null : findings.rowOf(id);
    if (row === null) return;
    if (!filters.current().rows.includes(row)) filters.clear();
    open(row);
    reveal();
  };
  addEventListener('hashchange', openAddressed);
  openAddressed();
  addEventListener('keydown', ({ key, target }) => {
    if (key === 'Escape' && !(target instanceof HTMLInputElement)) select(null);
  });
  return { select, reveal };
}

/** The id of a finding in `#f12`. `null` if there is none, or its escapes are broken. */
function idIn(hash: string): string | null {
  if (hash.length < 2) return null;
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return null;
  }
}
