// Puts the words of callers and images into a prompt as data: one line of JSON between tags that it cannot close. Knows no purpose.

/** Rules that do not depend on the request, and one message that holds the data. */
export interface Prompt {
  system: string;
  user: string;
}

/** JSON escapes quotes and line breaks; escaping angle brackets too leaves nothing that could end the block. */
export function dataBlock(tag: string, value: unknown): string {
  const json = JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e');
  return `<${tag}>\n${json}\n</${tag}>`;
}
