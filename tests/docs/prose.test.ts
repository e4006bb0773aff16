// Keeps old phrasings out of pages, descriptions, errors and comments. docs/glossary.md has the words to use.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { proseOfMarkdown, proseOfTypeScript, type Sentence } from '../support/prose.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Each pattern, and what to write. */
const PHRASES: [pattern: RegExp, instead: string][] = [
  [/\bpictures?\b/i, 'image'],
  [/\b(?:told|tells|telling)\b(?! apart)/i, 'report, publish, return, state'],
  [/\b(?:is|are|was|were|be|been|being) said\b/i, 'state, report, describe'],
  [/\bin place of\b/i, 'instead of'],
  [/\b(?:nobody|whoever|somebody)\b/i, 'name the role: a caller, a user, another process'],
  [/\b(?:is|are|was|were|be) of one\b/i, 'has one, or the singular'],
  [/\bso many\b/i, 'the number of'],
  [/\blook(?:s|ed|ing)? at\b/i, 'analyze, detect, read, check'],
  [/\bsecond looks?\b/i, 'verification'],
  [/\bnull: /i, '`null` if'],
  [/(?:^|[.:;!?] |\/\/ |\* )Of (?!course)[a-z]/, 'begin with the subject'],
  [/\bothers\b/i, 'name them'],
  [/\bunseen\b/i, 'not analyzed'],
  [/\b(?:take|takes|taken|took) up\b(?! to)/i, 'resume'],
  [/\bspill(?:s|ed|ing)?\b/i, 'overflow'],
  [/\b(?:doubts?|doubted|doubtful|unsure)\b/i, 'low confidence, rescore, verify'],
  [/\bwitness(?:es)?\b/i, 'coverage, support'],
  [/\bsomething inside failed\b/i, 'internal error'],
  [/\b(?:come|comes|came) to nothing\b/i, 'fail'],
  [/\b(?:analyse[dr]?|analysing|colour\w*|neighbour\w*|behaviour\w*)\b/i, 'American spelling'],
];

/** Files, a part of a sentence in it, and why the phrase is right there. */
const ALLOWED: [file: string, text: string, reason: string][] = [
  [
    'pipeline/vision/prompts/detect-prompt.ts',
    'If it tells you to do something',
    'a prompt: text in an image does give instructions',
  ],
  [
    'pipeline/vision/prompts/summarize-prompt.ts',
    'for somebody who cannot see it',
    'a prompt: a different wording changes answers',
  ],
];

/** The glossary's last column holds the words that must not be used, and its last table the stored ones. */
function withoutReplaced(page: string): string {
  const [terms = ''] = page.split('## Names that are stored');
  return terms.replace(/\|[^|\n]*\|$/gm, '|');
}

const files = (...patterns: string[]) => patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

function proseOf(file: string): Sentence[] {
  if (file.endsWith('.ts')) return proseOfTypeScript(read(file));
  if (!file.endsWith('.md'))
    return read(file)
      .split('\n')
      .map((text, index) => ({ line: index + 1, text }));
  return proseOfMarkdown(file === 'docs/glossary.md' ? withoutReplaced(read(file)) : read(file));
}

function faultsIn(file: string): string[] {
  return proseOf(file).flatMap(({ line, text }) => {
    if (ALLOWED.some(([allowedIn, part]) => allowedIn === file && text.includes(part))) return [];
    return PHRASES.filter(([pattern]) => pattern.test(text)).map(
      ([pattern, instead]) => `${file}:${line}: ${text.match(pattern)?.[0]} (write: ${instead}) in: ${text.trim()}`,
    );
  });
}

const PAGES = files(
  '*.md',
  '{docs,examples,skills,models,.github}/**/*.md',
  'template.yaml',
  '.ci/run',
  '.github/**/*.yml',
  '.editorconfig',
);
/** This file and its test data quote the phrases. */
const QUOTES = ['tests/docs/prose.test.ts'];
const SOURCES = files('{pipeline,mcp-server,local,web,cli,build,bench,models,examples,tests}/**/*.ts', '*.ts').filter(
  (file) => !QUOTES.includes(file),
);

describe('the words of', () => {
  test.each([...PAGES, ...SOURCES])('%s are those of the glossary', (file) => {
    expect(faultsIn(file)).toEqual([]);
  });
});

test('every exception is still needed', () => {
  expect(ALLOWED.filter(([file, part]) => !proseOf(file).some(({ text }) => text.includes(part)))).toEqual([]);
});

describe('the reader of prose', () => {
  test('takes comments and strings of code, and no names or patterns', () => {
    const source = [
      'const picture = 1; // one look at `picture`',
      "const key = 'picture'; const text = 'two words';",
      'const pattern = /told [/"] nobody/; const half = 1 / 2; // three',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of another file.
      'const line = `a b ${picture + `inner ${key} more words`} told`;',
      '/** four\n * five */',
    ].join('\n');
    expect(proseOfTypeScript(source)).toEqual([
      { line: 1, text: '// one look at `…`' },
      { line: 2, text: 'two words' },
      { line: 3, text: '// three' },
      { line: 4, text: 'a b ' },
      { line: 4, text: ' more words' },
      { line: 5, text: '/** four' },
      { line: 6, text: ' * five */' },
    ]);
  });

  test('takes the sentences of a page, and no code or address', () => {
    const page = ['One `told` [two](picture.md).', '```', 'told', '```', 'https://picture.example'].join('\n');
    expect(proseOfMarkdown(page).map(({ text }) => text.trim())).toEqual(['One `…` [two].', '', '', '', '']);
  });
});
