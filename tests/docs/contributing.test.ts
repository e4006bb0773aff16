// What the contributor's files name must exist: links, npm scripts, programs of the editor, the steps of the workflow.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { FORMATS } from '../../pipeline/imaging/formats.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PAGES = ['*.md', '{docs,examples,skills,models,.github}/**/*.md'].flatMap((pattern) => globSync(pattern, { cwd: ROOT }));
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')));

/** Relative links of a page, as paths from the root. */
function linksOf(page: string): string[] {
  const text = read(page).replace(/```.*?```/gs, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target.replace(/#.*$/, ''));
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target)).map((target) => join(dirname(page), target));
}

/** Scripts that a text names: `npm run check`, `npm test`, `npm start`. */
function scriptsIn(text: string): string[] {
  return [...text.matchAll(/\bnpm (?:run ([a-z][a-z:]*)|(test|start))\b/g)].map(([, run, short]) => run ?? short ?? '');
}

describe('pages', () => {
  test.each(PAGES)('%s links only files that exist', (page) => {
    expect(linksOf(page).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test.each(PAGES)('%s names only source files that exist', (page) => {
    const paths = [...read(page).matchAll(/`((?:[a-z-]+\/)+[a-z0-9.*-]+\.(?:ts|md))`/g)].map(([, path = '']) => path);
    const isThere = (path: string) =>
      ['', 'pipeline/', dirname(page)].some((folder) => globSync(join(folder, path), { cwd: ROOT }).length > 0);
    expect(paths.filter((path) => !isThere(path))).toEqual([]);
  });

  test('name only npm scripts that exist', () => {
    const named = PAGES.flatMap((page) => scriptsIn(read(page)).map((script) => ({ page, script })));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
  });

  test('are all reachable from the README and the index', () => {
    const reached = new Set(['README.md', 'docs/README.md', 'AGENTS.md', 'CHANGELOG.md', '.github/pull_request_template.md']);
    for (const page of reached) for (const link of linksOf(page)) if (PAGES.includes(link)) reached.add(link);
    expect(PAGES.filter((page) => page.startsWith('docs/') && !/\/adr\//.test(page) && !reached.has(page))).toEqual([]);
  });
});

test.each(['docs/glossary.md', 'web/executions/executions.html'])('%s names every accepted image format', (page) => {
  const text = read(page).toLowerCase();
  expect(Object.keys(FORMATS).length).toBeGreaterThan(4);
  expect(Object.keys(FORMATS).filter((format) => !text.includes(format))).toEqual([]);
});

describe('the editor', () => {
  test('launches programs that exist, with the Node of the packages', () => {
    const Launch = z.object({
      configurations: z.array(z.object({ runtimeExecutable: z.string(), program: z.string(), args: z.array(z.string()) })).min(1),
    });
    for (const { runtimeExecutable, program } of Launch.parse(JSON.parse(read('.vscode/launch.json'))).configurations) {
      const path = (setting: string) => setting.replace(/^\$\{workspaceFolder\}/, ROOT);
      expect([path(runtimeExecutable), path(program)].filter((file) => !existsSync(file))).toEqual([]);
    }
  });

  test('has tasks for scripts that exist', () => {
    const Tasks = z.object({ tasks: z.array(z.object({ type: z.literal('npm'), script: z.string() })).min(1) });
    const named = Tasks.parse(JSON.parse(read('.vscode/tasks.json'))).tasks.map(({ script }) => script);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

test('the workflow runs .ci/run, which runs the check and the tests', () => {
  const Workflow = z.object({
    jobs: z.record(z.string(), z.object({ steps: z.array(z.looseObject({ run: z.string().optional() })) })),
  });
  const { jobs } = Workflow.parse(parse(read('.github/workflows/ci.yml')));
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  expect(runs).toContain('.ci/run');
  expect(scriptsIn(read('.ci/run')).filter((script) => !(script in scripts))).toEqual([]);
  expect(scriptsIn(read('.ci/run'))).toEqual(['check', 'test']);
});

test('templates of issues have what their host asks of a form', () => {
  const Form = z.object({
    name: z.string(),
    description: z.string(),
    body: z.array(z.object({ type: z.enum(['markdown', 'textarea', 'input']), id: z.string().optional() }).loose()).min(1),
  });
  const forms = globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: ROOT }).filter((file) => !file.endsWith('config.yml'));
  expect(forms.length).toBe(2);
  for (const form of forms) {
    const ids = Form.parse(parse(read(form))).body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  }
});
