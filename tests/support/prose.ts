// Takes the prose out of a file: sentences of Markdown and YAML, and comments and strings of TypeScript.

/** A name in running text. */
const CODE = /`[^`\n]+`/g;

export interface Sentence {
  line: number;
  text: string;
}

/** Everything but code: blocks, spans, addresses and targets of links. */
export function proseOfMarkdown(source: string): Sentence[] {
  const blank = (text: string) => text.replace(/[^\n]/g, ' ');
  const prose = source
    .replace(/^```.*?^```$/gms, blank)
    .replace(CODE, '`…`')
    .replace(/\]\([^)\n]*\)/g, ']')
    .replace(/https?:\/\/\S+/g, '');
  return prose.split('\n').map((text, index) => ({ line: index + 1, text }));
}

/** Comments without the code in them, and strings that hold more than one word. A string that continues over `+` is one sentence a piece. */
export function proseOfTypeScript(source: string): Sentence[] {
  const found: Sentence[] = [];
  const keep = (from: number, text: string, isString: boolean) => {
    if (isString && !/\S\s+\S/.test(text)) return;
    const line = source.slice(0, from).split('\n').length;
    const prose = isString ? text : text.replace(CODE, '`…`');
    for (const [index, part] of prose.split('\n').entries()) found.push({ line: line + index, text: part });
  };
  let at = 0;
  /** The last character that is no space or comment: decides whether a slash begins a pattern. */
  let before = '';
  const templates: number[] = []; // depth of braces at which an expression of a template ends
  let depth = 0;
  const readTemplate = () => {
    const from = at;
    while (at < source.length && source[at] !== '`' && !source.startsWith('${', at)) at += source[at] === '\\' ? 2 : 1;
    keep(from, source.slice(from, at), true);
    if (source[at] === '`') at++;
    else {
      at += 2;
      templates.push(depth++);
    }
    before = '`';
  };
  while (at < source.length) {
    const rest = source.slice(at, at + 2);
    const sign = source[at] ?? '';
    if (rest === '//' || rest === '/*') {
      const end = rest === '//' ? source.indexOf('\n', at) : source.indexOf('*/', at) + 2;
      const to = end < at ? source.length : end;
      keep(at, source.slice(at, to), false);
      at = to;
    } else if (sign === "'" || sign === '"') {
      const from = ++at;
      while (at < source.length && source[at] !== sign && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
      keep(from, source.slice(from, at++), true);
      before = sign;
    } else if (sign === '`') {
      at++;
      readTemplate();
    } else if (
      sign === '/' &&
      (/^$|[(,=:[!&|?{};+>~]/.test(before) || /\breturn\s*$/.test(source.slice(Math.max(0, at - 10), at)))
    ) {
      at++;
      for (let inClass = false; at < source.length && (inClass || source[at] !== '/'); at++) {
        if (source[at] === '\\') at++;
        else if (source[at] === '[') inClass = true;
        else if (source[at] === ']') inClass = false;
      }
      at++;
      before = '/';
    } else {
      if (sign === '{') depth++;
      if (sign === '}') {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          at++;
          readTemplate();
          continue;
        }
      }
      if (sign.trim() !== '') before = sign;
      at++;
    }
  }
  return found;
}
