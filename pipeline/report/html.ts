// The only way from values to HTML: a template tag that knows where each value lands and makes it harmless there. Pure.

/** What has been made by this file, and may therefore stand in a page as it is: nobody else can make one. */
class Markup {
  readonly kind: 'html' | 'json' | 'code';
  readonly text: string;

  constructor(kind: 'html' | 'json' | 'code', text: string) {
    this.kind = kind;
    this.text = text;
  }
}

export type { Markup };

/** Null and false show nothing. */
export type Hole = string | number | null | false | Markup | readonly Hole[];

type Place = 'text' | 'attribute' | 'raw';

/** Where the values of attributes that lead somewhere may lead: into the page itself. */
const LEADS_INSIDE = /^(#|data:image\/jpeg;base64,)/;
const MARKS = /<[/!]?[a-z][a-z0-9]*|[<>"']/gi;

/**
 * Escapes every value for its place: text, an attribute in double quotes, or the inside of script and style, which takes
 * `jsonText` and `code` only. Throws for a place where no escaping would help: names, event handlers, links to elsewhere.
 */
export function html(strings: TemplateStringsArray, ...holes: Hole[]): Markup {
  const places = placesOf(strings);
  const parts = holes.map((hole, at) => filled(places[at] as Place, hole));
  return new Markup('html', String.raw({ raw: strings }, ...parts));
}

/** A value for `<script type="application/json">`: nothing in it can end the script, begin a comment or break a line. */
export function jsonText(value: unknown): Markup {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const shown = (_: string, part: unknown) => (typeof part === 'string' ? visible(part) : part);
  return new Markup('json', JSON.stringify(value, shown).replace(/[<>&\u2028\u2029]/g, escaped));
}

/** Script or style of our own. Throws for one that would end its element or begin a comment. */
export function code(text: string): Markup {
  if (/<\/|<!--/.test(text)) throw new Error('Expected code without </ and <!--, got some. Write it another way.');
  return new Markup('code', text);
}

/** Text from an image, a model or a caller: its direction of writing ends where it ends. */
export function foreign(text: string): Markup {
  return html`<bdi>${text}</bdi>`;
}

/** At most so many characters, with a mark where more were; no half characters. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const whole = text.slice(0, charactersMax).replace(/[\ud800-\udbff]$/, '');
  return `${whole}…`;
}

/** As people write it: 12,345. */
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
  throw new Error(`Expected a value that can stand in ${place}, got another kind. Use jsonText or code inside script and style.`);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Control characters and halves of characters, which no page can hold, are marked. */
function visible(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

const known = new WeakMap<TemplateStringsArray, Place[]>();

function placesOf(strings: TemplateStringsArray): Place[] {
  const places = known.get(strings) ?? findPlaces(strings);
  known.set(strings, places);
  return places;
}

/** Reads the fixed parts of a template as HTML. Attributes with values are written with double quotes only. */
function findPlaces(strings: readonly string[]): Place[] {
  let state: 'text' | 'tag' | 'attribute' | 'raw' = 'text';
  let tag = '';
  let attribute = { name: '', start: '' };
  return strings.slice(0, -1).map((string) => {
    let valueFrom = 0;
    for (const { 0: mark, index } of string.matchAll(MARKS)) {
      if (state === 'text' || (state === 'raw' && mark === `</${tag}`)) {
        if (mark === '<') throw new Error('Expected &lt; for a bare <, got <.');
        if (!mark.startsWith('<')) continue;
        [state, tag] = ['tag', mark.slice(1)];
      } else if (state === 'tag') {
        if (mark === '>') state = tag === 'script' || tag === 'style' ? 'raw' : 'text';
        else if (mark !== '"') throw new Error(`Expected double quotes in <${tag}>, got ${mark}.`);
        else {
          [state, valueFrom] = ['attribute', index + 1];
          attribute = { name: /[^\s"]*(?==$)/.exec(string.slice(0, index))?.[0] ?? '', start: '' };
        }
      } else if (state === 'attribute' && mark === '"') state = 'tag';
    }
    if (state === 'tag') throw new Error(`Expected no value inside <${tag}> but in quotes, got one.`);
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
    throw new Error(`Expected no value in the attribute ${name} that begins with "${start}", got one.`);
  }
}
