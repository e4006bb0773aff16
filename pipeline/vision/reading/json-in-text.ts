// Finds the JSON values in what a language model wrote around them: thoughts, prose, fences, end marks. Knows no form.

const VALUES_MAX = 500; // of one answer
const UNCLOSED_MAX = 50; // brackets that nothing closes: each costs a pass over the rest of the text
const DEPTH_MAX = 6;
const MENDED_CHARACTERS_MAX = 50_000; // of one answer, whose 4,096 tokens are fewer: jsonrepair takes the square of it in time

/** Servers that do not cut out thoughts leave both marks around them: each pattern finds an opening mark as its first group, or the end. */
const THOUGHTS = [
  ...['think', 'thinking', 'reasoning', 'thought', 'seed:think'].map((tag) => new RegExp(`(<${tag}>)|</${tag}>`, 'gi')),
  /(\[THINK\])|\[\/THINK\]/g,
  /(◁think▷)|◁\/think▷/g,
];
/** Some leave only the closing mark; gpt-oss names the channel of its answer. */
const UNBEGUN_THOUGHTS = [
  /^[\s\S]*(?:<\/(?:think(?:ing)?|reasoning|thought|seed:think)>|\[\/THINK\]|◁\/think▷)/i,
  /^\s*(?:<\|start\|>assistant)?<\|channel\|>(?:[\s\S]*<\|channel\|>)?final(?:\s*<\|constrain\|>\s*\w+)?<\|message\|>/i,
];
const UNENDED_THOUGHTS =
  /(?:<(?:think(?:ing)?|reasoning|thought|seed:think)>|\[THINK\]|◁think▷|<\|channel\|>analysis<\|message\|>)[\s\S]*$/i;
/** Tokens of chat templates: servers leave them before or after an answer. */
const TOKEN =
  '(?:<[|｜][^<>|｜]{1,40}[|｜]>|</?s>|<(?:start|end)_of_turn>|<eos>|</?(?:answer|tool_call|function_call|json)>|\\[TOOL_CALLS\\])';
const TOKEN_BEFORE = new RegExp(`^${TOKEN}`, 'i');
const TOKEN_AFTER = new RegExp(`${TOKEN}$`, 'i');
const TOKEN_CHARACTERS_MAX = 44;
const FENCE = '```';

/** Objects and arrays in the text, the likeliest first: the whole text, then the last one, because thoughts and quotes come before. */
export function jsonIn(text: string): unknown[] {
  const whole = wholeJsonIn(text);
  return whole.length > 0 ? whole : blocksOf(withoutThoughts(text)).map(parsed).filter(isContainer).reverse();
}

/** The object or array that is the whole text, apart from thoughts and one fence around it. Empty if there is none. */
export function wholeJsonIn(text: string): unknown[] {
  const untouched = parsed(text); // marks of thoughts in its strings are no thoughts
  if (isContainer(untouched)) return [untouched];
  const value = parsed(withoutFence(withoutTokens(withoutThoughts(text))));
  const whole = typeof value === 'string' ? parsed(value) : value; // JSON within JSON
  return isContainer(whole) ? [whole] : [];
}

function withoutThoughts(text: string): string {
  const rest = THOUGHTS.reduce(withoutPairs, text);
  return UNBEGUN_THOUGHTS.reduce((words, thoughts) => words.replace(thoughts, ''), rest).trim();
}

/** In one pass over the text: a pattern with both marks would search the rest of the text for each opening mark. */
function withoutPairs(text: string, marks: RegExp): string {
  let kept = '';
  let from = 0;
  let opened: number | null = null;
  for (const mark of text.matchAll(marks)) {
    if (mark[1] !== undefined) opened ??= mark.index;
    else if (opened !== null) {
      kept += text.slice(from, opened);
      from = mark.index + mark[0].length;
      opened = null;
    }
  }
  return kept + text.slice(from);
}

function withoutTokens(text: string): string {
  let rest = text;
  for (let token = TOKEN_BEFORE.exec(rest); token; token = TOKEN_BEFORE.exec(rest))
    rest = rest.slice(token[0].length).trimStart();
  const last = () => TOKEN_AFTER.exec(rest.slice(-TOKEN_CHARACTERS_MAX));
  for (let token = last(); token; token = last()) rest = rest.slice(0, -token[0].length).trimEnd();
  return rest;
}

function withoutFence(text: string): string {
  if (!text.startsWith(FENCE) || !text.endsWith(FENCE)) return text;
  return text.slice(FENCE.length, -FENCE.length).replace(/^json\s/i, '');
}

/** True for a text that ends within thoughts, or is empty. */
export function isOnlyThoughts(text: string): boolean {
  return withoutThoughts(text).replace(UNENDED_THOUGHTS, '').trim() === '';
}

/** Objects and arrays with quotes of Python, comments or trailing commas, written again as JSON; the last one first. */
export async function mendedJsonIn(text: string): Promise<unknown[]> {
  const unparsed = blocksOf(withoutThoughts(text)).filter((block) => parsed(block) === undefined);
  const blocks: string[] = [];
  let characters = 0;
  for (const block of unparsed.reverse()) {
    characters += block.length;
    if (characters <= MENDED_CHARACTERS_MAX) blocks.push(block);
  }
  if (blocks.length === 0) return [];
  const { jsonrepair } = await import('jsonrepair'); // few answers need it
  return blocks.map((block) => parsed(mended(block, jsonrepair))).filter(isContainer);
}

function mended(block: string, repair: (text: string) => string): string {
  try {
    return repair(block);
  } catch {
    return block;
  }
}

/** Whole objects of an array that the end of the text cuts off. `key` names the array; the root may be it. */
export function wholeObjectsIn(text: string, key: string): unknown[] {
  const named = text.lastIndexOf(`"${key}"`);
  const start = text.indexOf('[', Math.max(0, named));
  return start === -1
    ? []
    : blocksOf(text.slice(start + 1))
        .map(parsed)
        .filter(isContainer);
}

/**
 * The first value, in any wrapping that models invent, that `accept` takes: strings of JSON, the name of the tool, `arguments`, lists.
 * `accept` also gets how many wrappings it is in. `null` if there is none.
 */
export function unwrapped<T>(value: unknown, accept: (value: unknown, depth: number) => T | null, depth = 0): T | null {
  const inner = typeof value === 'string' ? parsed(value) : value;
  if (!isContainer(inner) || depth > DEPTH_MAX) return null;
  const accepted = accept(inner, depth);
  if (accepted !== null) return accepted;
  for (const field of Object.values(inner)) {
    const found = unwrapped(field, accept, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Balanced `{…}` and `[…]` outside of each other, with braces in strings passed over. A block that never closes is searched inside. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let unclosed = 0;
  for (let at = 0; at < text.length && blocks.length < VALUES_MAX && unclosed < UNCLOSED_MAX; at++) {
    if (text[at] !== '{' && text[at] !== '[') continue;
    const end = endOfBlock(text, at);
    if (end === null) {
      unclosed++;
      continue;
    }
    blocks.push(text.slice(at, end));
    at = end - 1;
  }
  return blocks;
}

/** Past the bracket that closes the one at `start`; `null` if none does. */
function endOfBlock(text: string, start: number): number | null {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}
