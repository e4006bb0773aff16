// The only way from values to HTML: a template tag that escapes each value for the place where it stands. Pure.
import { at } from '../contract/at.ts';
import { lru } from '../contract/lru.ts';

/** Text that may stand in a page as it is. Only this file can make it. */
class Markup {
  readonly kind: 'html' | 'json' | 'code';
  readonly text: string;

  constructor(kind: 'html' | 'json' | 'code', text: string) {
    this.kind = kind;
    this.text = text;
  }
}

export type { Markup };

/** `null` and `false` show nothing. */
export type Hole = string | number | null | false | Markup | readonly Hole[];

type Place = 'text' | 'attribute' | 'raw';

/** Links and images may only lead into the page itself. */
const LEADS_INSIDE = /^(#|data:image\/jpeg;base64,)/;
const MARKS = /<[/!]?[a-z][a-z0-9]*|[<>"']/gi;

/**
 * Escapes every value for its place: text, an attribute in double quotes, or the inside of script and style, which takes
 * `jsonText` and `code` only. Throws for a place that no escaping makes safe: names, event handlers, links to other pages.
 */
export function html(strings: TemplateStringsArray, ...holes: Hole[]): Markup {
  const places = placesOf(strings);
  const parts = holes.map((hole, index) => filled(at(places, index), hole));
  return new Markup('html', String.raw({ raw: strings }, ...parts));
}

/** A value for `<script type="application/json">`. It cannot end the script, begin a comment or break a line. */
export function jsonText(value: unknown): Markup {
  const unicodeEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const replacer = (_: string, part: unknown) => (typeof part === 'string' ? visible(part) : part);
  return new Markup('json', JSON.stringify(value, replacer).replace(/[<>&\u2028\u2029]/g, unicodeEscape));
}

/** Our own script or style. Throws if it would end its element or begin a comment. */
export function code(text: string): Markup {
  if (/<\/|<!--/.test(text)) throw new Error('Code in a page must not contain </ or <!--. Write it another way.');
  return new Markup('code', text);
}

/** Text from an image, a model or a caller. Its writing direction does not reach beyond it. */
export function foreign(text: string): Markup {
  return html`<bdi>${text}</bdi>`;
}

/** At most `charactersMax` characters, followed by … if there were more. Never half a surrogate pair. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const whole = text.slice(0, charactersMax).replace(/[\ud800-\udbff]$/, '');
  return `${whole}…`;
}

/** With thousands separators: 12,345. */
export function count(number: number): string {
  return number.toLocaleString('en');
}

/** `1 tile`, `2 tiles`. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function filled(place: Place, hole: Hole): string {
  if (hole === null || hole === false) return '';
  if (Array.isArray(hole)) return hole.map((part) => filled(place, part)).join('');
  if (!(hole instanceof Markup)) {
    if (place !== 'raw') return escaped(String(hole));
  } else if (place === (hole.kind === 'html' ? 'text' : 'raw')) {
    return hole.text;
  }
  throw new Error(`This value cannot stand in ${place}. Use jsonText or code inside script and style, and neither elsewhere.`);
}

function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Control characters and lone surrogates, which no page can contain, become U+FFFD. */
function visible(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

/** There are about 60 templates; a table uses some of them 100,000 times. */
const placesByTemplate = lru<TemplateStringsArray, Place[]>(200);

function placesOf(strings: TemplateStringsArray): Place[] {
  const known = placesByTemplate.get(strings);
  if (known) return known;
  const places = findPlaces(strings);
  placesByTemplate.set(strings, places);
  return places;
}

/** Reads the fixed parts of a template as HTML. Attribute values must have double quotes. */
function findPlaces(strings: readonly string[]): Place[] {
  let state: 'text' | 'tag' | 'attribute' | 'raw' = 'text';
  let tag = '';
  let attribute = { name: '', start: '' };
  return strings.slice(0, -1).map((string) => {
    let valueFrom = 0;
    for (const { 0: mark, index } of string.matchAll(MARKS)) {
      if (state === 'text' || (state === 'raw' && mark === `</${tag}`)) {
        if (mark === '<') throw new Error('A template contains a bare <. Write &lt;.');
        if (!mark.startsWith('<')) continue;
        [state, tag] = ['tag', mark.slice(1)];
      } else if (state === 'tag') {
        if (mark === '>') state = tag === 'script' || tag === 'style' ? 'raw' : 'text';
        else if (mark !== '"') throw new Error(`A template contains ${mark} in <${tag}>. Attribute values need double quotes.`);
        else {
          [state, valueFrom] = ['attribute', index + 1];
          attribute = { name: /[^\s"]*(?==$)/.exec(string.slice(0, index))?.[0] ?? '', start: '' };
        }
      } else if (state === 'attribute' && mark === '"') state = 'tag';
    }
    if (state === 'tag') throw new Error(`A template has a value inside <${tag}> without double quotes.`);
    if (state === 'attribute') {
      attribute.start += string.slice(valueFrom);
      checkAttribute(attribute);
    }
    return state;
  });
}

function checkAttribute({ name, start }: { name: string; start: string }): void {
  const leads = ['href', 'src'].includes(name) && !LEADS_INSIDE.test(start);
  if (/^(on.*|style|srcdoc|srcset|action|formaction)$/i.test(name) || leads) {
    throw new Error(`A template has a value in the attribute ${name} that begins with "${start}". No escaping makes it safe.`);
  }
}
