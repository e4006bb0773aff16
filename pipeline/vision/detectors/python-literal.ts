// Reads a literal of Python, as exporters write dictionaries and lists into the metadata of a model. Evaluates nothing.

export type PythonValue = string | number | boolean | null | PythonValue[] | Map<string, PythonValue>;

const DEPTH_MAX = 8;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const CONSTANTS: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };

/** Keys of dictionaries become strings. `undefined` if the text is not such a literal. */
export function pythonLiteral(text: string): PythonValue | undefined {
  try {
    const reader = new LiteralReader(text);
    const value = reader.value(0);
    return reader.isAtEnd() ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class LiteralReader {
  #offset = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): PythonValue {
    if (depth > DEPTH_MAX) throw new SyntaxError('too deep');
    const next = this.#peek();
    if (next === '{') return this.#dictionary(depth);
    if (next === '[') return this.#list('[', ']', depth);
    if (next === '(') return this.#list('(', ')', depth);
    if (next === "'" || next === '"') return this.#string(next);
    return this.#word();
  }

  isAtEnd(): boolean {
    return this.#peek() === undefined;
  }

  #dictionary(depth: number): Map<string, PythonValue> {
    const entries = new Map<string, PythonValue>();
    this.#expect('{');
    while (!this.#accepts('}')) {
      const key = String(this.value(depth + 1));
      this.#expect(':');
      entries.set(key, this.value(depth + 1));
      if (!this.#accepts(',') && this.#peek() !== '}') throw new SyntaxError('expected , or }');
    }
    return entries;
  }

  #list(open: string, close: string, depth: number): PythonValue[] {
    const values: PythonValue[] = [];
    this.#expect(open);
    while (!this.#accepts(close)) {
      values.push(this.value(depth + 1));
      if (!this.#accepts(',') && this.#peek() !== close) throw new SyntaxError('expected , or the end of the list');
    }
    return values;
  }

  #string(quote: string): string {
    this.#expect(quote);
    let result = '';
    for (;;) {
      const character = this.#text[this.#offset++];
      if (character === undefined) throw new SyntaxError('a string does not end');
      if (character === quote) return result;
      result += character === '\\' ? this.#escaped() : character;
    }
  }

  #escaped(): string {
    const character = this.#text[this.#offset++];
    if (character === undefined) throw new SyntaxError('a string does not end');
    const digits = { x: 2, u: 4, U: 8 }[character];
    if (digits === undefined) return ESCAPES[character] ?? character;
    const code = Number.parseInt(this.#text.slice(this.#offset, this.#offset + digits), 16);
    if (!(code >= 0 && code <= 0x10ffff)) throw new SyntaxError('an unknown escape');
    this.#offset += digits;
    return String.fromCodePoint(code);
  }

  #word(): number | boolean | null {
    const [word = ''] = /^[\w.+-]+/.exec(this.#text.slice(this.#offset, this.#offset + 40)) ?? [];
    const constant = CONSTANTS[word];
    const number = Number(word);
    if (word === '' || (constant === undefined && Number.isNaN(number))) throw new SyntaxError('an unknown word');
    this.#offset += word.length;
    return constant === undefined ? number : constant;
  }

  #peek(): string | undefined {
    while (/\s/.test(this.#text[this.#offset] ?? 'end')) this.#offset += 1;
    return this.#text[this.#offset];
  }

  #accepts(character: string): boolean {
    const isNext = this.#peek() === character;
    if (isNext) this.#offset += 1;
    return isNext;
  }

  #expect(character: string): void {
    if (!this.#accepts(character)) throw new SyntaxError(`expected ${character}`);
  }
}
