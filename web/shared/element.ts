// Elements of the document, and numbers and names as people write them. Text from elsewhere only ever becomes text.
import type { Severity } from '../../pipeline/contract/schemas.ts';
import { type LabelColor, SEVERITY_LOOKS } from '../../pipeline/findings/marks.ts';

/** Throws if the document has no such element: a document and its script belong together. */
export function byId<E extends HTMLElement>(id: string, kind: abstract new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The document has no ${kind.name} with the id ${id}.`);
}

type Properties<Name extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[Name], 'style'>>;

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties<Name> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Text from a model, an image or a file name, isolated so that its direction does not reorder the page's own text. */
export function foreign(text: string): HTMLElement {
  return make('bdi', { textContent: text.toWellFormed() });
}

/** The color of a label. Says nothing to a screen reader, because the label stands beside it. */
export function swatch({ color }: LabelColor): HTMLElement {
  const square = make('span', { className: 'swatch' });
  square.style.background = color;
  square.setAttribute('aria-hidden', 'true');
  return square;
}

/** `!! high`, in the color of the severity. */
export function severityMark(severity: Severity): HTMLElement {
  const mark = make('span', { textContent: SEVERITY_LOOKS[severity].mark });
  mark.setAttribute('aria-hidden', 'true');
  return make('span', { className: `severity ${severity}` }, mark, ` ${severity}`);
}

/** `12,345` */
export function count(number: number): string {
  return number.toLocaleString('en');
}

/** `1 tile`, `2 tiles`. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** The last part of an address: what people call the image. */
export function nameOf(uri: string): string {
  return withoutSecret(uri.slice(uri.lastIndexOf('/') + 1)) || uri;
}

/** `create_upload` appends 20 random characters to the name of the file. */
function withoutSecret(name: string): string {
  return name.replace(/-[0-9a-f]{20}$/, '');
}

/** Below one cent, the first two digits that are not zero. `null` if the price of a model is unknown. */
export function dollars(usd: number | null): string {
  if (usd === null) return 'unknown';
  if (usd === 0) return 'no cost';
  return `$${usd >= 0.01 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}
