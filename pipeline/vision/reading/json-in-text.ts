// Finds the JSON values in what a language model wrote around them: thoughts, prose, fences, end marks. Knows no form.

const VALUES_MAX = 500; // of one answer
const UNCLOSED_MAX = 50; // brackets that nothing closes: each costs a pass over the rest of the text
const DEPTH_MAX = 6;

/** Servers that do not cut out thoughts leave both tags, or only the closing one; gpt-oss names the channel of its answer. */
const THOUGHTS = [
  /<(think(?:ing)?|reasoning|thought|seed:think)>[\s\S]*?<\/\1>/gi,
  /\[THINK\][\s\S]*?\[\/THINK\]/g,
  /◁think▷[\s\S]*?◁\/think▷/g,
  /^[\s\S]*(?:<\/(?:think(?:ing)?|reasoning|thought|seed:think)>|\[\/THINK\]|◁\/think▷)/i,
  /^\s*(?:<\|start\|>assistant)?<\|channel\|>(?:[\s\S]*<\|channel\|>)?final(?:\s*<\|constrain\|>\s*\w+)?<\|message\|>/i,
];
const UNENDED_THOUGHTS =
  /(?:<(?:think(?:ing)?|reasoning|thought|seed:think)>|\[THINK\]|◁think▷|<\|channel\|>analysis<\|message\|>)[\s\S]*$/i;
/** Tokens of chat templates: servers leave them before or after an answer. */
const TOKEN =
  '<[|｜][^<>|｜]{1,40}[|｜]>|</?s>|<(?:start|end)_of_turn>|<eos>|</?(?:answer|tool_call|function_call|json)>|\\[TOOL_CALLS\\]';
const TOKENS_AROUND = new RegExp(`^(?:(?:${TOKEN})\\s*)+|(?:(?:${TOKEN})\\s*)+$`, 'gi');

/** Objects and arrays in the text, the likeliest first: the whole text, then the last one, because thoughts and quotes come before. */
export function jsonIn(text: string): unknown[] {
  const whole = wholeJsonIn(text);
  return whole.length > 0 ? whole : blocksOf(withoutThoughts(text)).map(parsed).filter(isContainer).reverse();
}

/** The object or array that is the whole text, apart from thoughts and one fence around it. Empty if there is none. */
export function wholeJsonIn(text: string): unknown[] {
  const answer = withoutThoughts(text).replace(TOKENS_AROUND, '').trim();
  const fenced = /^```(?:json)?\s*\n(.*)\n\s*```$/s.exec(answer);
  const value = parsed(fenced?.[1] ?? answer);
  const whole = typeof value === 'string' ? parsed(value) : value; // JSON within JSON
  return isContainer(whole) ? [whole] : [];
}

function withoutThoughts(text: string): string {
  return THOUGHTS.reduce((rest, thoughts) => rest.replace(thoughts, ''), text).trim();
}

/** True for a text that ends within thoughts, or is empty. */
export function isOnlyThoughts(text: string): boolean {
  return withoutThoughts(text).replace(UNENDED_THOUGHTS, '').trim() === '';
}

/** Objects and arrays with quotes of Python, comments or trailing commas, written again as JSON; the last one first. */
export async function mendedJsonIn(text: string): Promise<unknown[]> {
  const blocks = blocksOf(withoutThoughts(text)).filter((block) => parsed(block) === undefined);
  if (blocks.length === 0) return [];
  const { jsonrepair } = await import('jsonrepair'); // few answers need it
  return blocks
    .map((block) => parsed(mended(block, jsonrepair)))
    .filter(isContainer)
    .reverse();
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
