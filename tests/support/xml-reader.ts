// Reads XML 1.0 without attributes, DTD and namespaces, and refuses everything else. Independent of what writes it.

export interface XmlElement {
  name: string;
  children: XmlElement[];
  /** The text directly inside. */
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** https://www.w3.org/TR/xml/#charsets */
const CHARACTERS = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

/** The root element. Throws for text that is not well-formed. */
export function readXml(text: string): XmlElement {
  if (!CHARACTERS.test(text)) throw new Error('The text contains characters that XML does not allow.');
  const document: XmlElement = { name: '', children: [], text: '' };
  const open = [document];
  const lines = text.replace(/\r\n?/g, '\n'); // https://www.w3.org/TR/xml/#sec-line-ends
  for (const part of lines.match(/<[^<>]*>|[^<]+|</g) ?? []) {
    const parent = open.at(-1);
    if (!parent) throw new Error(`Text after the root: ${part}`);
    const [, slash, name] = /^<(\/?)([A-Za-z_][\w.-]*)>$/.exec(part) ?? [];
    if (name === undefined) {
      parent.text += characters(part);
    } else if (slash === '') {
      const element = { name, children: [], text: '' };
      parent.children.push(element);
      open.push(element);
    } else if (open.pop()?.name !== name) throw new Error(`Not open: ${name}`);
  }
  const [root, ...others] = document.children;
  if (!root || others.length > 0 || open.length !== 1 || document.text.trim() !== '')
    throw new Error('Expected one root element.');
  return root;
}

/** The text of the only child of that name. */
export function textOfChild(element: XmlElement, ...path: string[]): string {
  const found = path.reduce((parent, name) => {
    const [child, ...others] = parent.children.filter((one) => one.name === name);
    if (!child || others.length > 0)
      throw new Error(`Expected one ${name} in ${parent.name}, got ${others.length + Number(!!child)}.`);
    return child;
  }, element);
  return found.text;
}

function characters(raw: string): string {
  if (/[<]|]]>|&(?!(?:\w+|#\d+);)/.test(raw)) throw new Error(`Not character data: ${raw}`);
  return raw.replace(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name?: string) => {
    const character = code === undefined ? ENTITIES[name ?? ''] : String.fromCodePoint(Number(code));
    if (character === undefined || !CHARACTERS.test(character)) throw new Error(`Not a character: ${code ?? name}`);
    return character;
  });
}
