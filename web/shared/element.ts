// Elements of the document. Words from elsewhere only ever become text.

/** Throws when the document has no such element: it and its script belong together. */
export function byId<E extends HTMLElement>(id: string, kind: abstract new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`Expected a ${kind.name} with the id ${id}.`);
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

/** Words that a model, an image or a file name said: whatever their direction, they do not reorder ours. */
export function foreign(text: string): HTMLElement {
  return make('bdi', { textContent: text.toWellFormed() });
}

/** As people write it: 12,345. */
export function count(number: number): string {
  return number.toLocaleString('en');
}

/** `1 tile`, `2 tiles`. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** The last part of an address, which is what people call an image. */
export function nameOf(uri: string): string {
  const last = uri.split('/').at(-1) ?? '';
  return withoutSecret(last) || uri;
}

/** create_upload puts 20 random characters behind the name of the file. */
function withoutSecret(name: string): string {
  return name.replace(/-[0-9a-f]{20}$/, '');
}

/** Under a cent, the first two digits that are not zero. */
export function dollars(usd: number): string {
  if (usd === 0) return 'no cost';
  return `$${usd >= 0.01 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}
