// docs/architecture.md names every room and what it really imports.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const FOR_ALL = ['pipeline/contract', 'pipeline/ports.ts'];

/** The folder that a file belongs to; null for entries and other single files. */
function roomOf(path: string): string | null {
  const [top = '', folder = '', file] = path.split('/');
  if (top === 'web') return 'web';
  return ['pipeline', 'mcp-server', 'local'].includes(top) && file !== undefined ? `${top}/${folder}` : null;
}

function roomsImportedBy(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const statements = [/^(?:import|export)\s(?:[^;]*?\sfrom\s)?'(\.[^']+)'/gm, /\bimport\('(\.[^']+)'\)/g];
  const specs = statements.flatMap((statement) => [...text.matchAll(statement)].map(([, spec = '']) => spec));
  return specs.flatMap((spec) => roomOf(normalize(join(dirname(file), spec))) ?? []);
}

function realImports(): Record<string, string[]> {
  const imports = new Map<string, Set<string>>();
  for (const file of globSync('{pipeline,mcp-server,local,web}/**/*.ts', { cwd: ROOT })) {
    const room = roomOf(file);
    if (room === null) continue;
    const known = imports.get(room) ?? new Set();
    imports.set(room, known);
    for (const target of roomsImportedBy(file)) if (target !== room && !FOR_ALL.includes(target)) known.add(target);
  }
  return Object.fromEntries([...imports].map(([room, targets]) => [room, [...targets].sort()]));
}

function writtenImports(): Record<string, string[]> {
  const [, rooms = ''] = PAGE.split(/^## (?:Rooms|What must not exist)$/m);
  const rows = [...rooms.matchAll(/^\| `([a-z]+(?:-server)?(?:\/[a-z]+)?)` +\|[^|]*\|([^|]*)\|$/gm)];
  return Object.fromEntries(
    rows.map(([, room = '', targets = '']) => [
      room,
      [...targets.matchAll(/`([^`]+)`/g)].map(([, target = '']) => target).sort(),
    ]),
  );
}

test('the page of the architecture names every room and what it imports', () => {
  const real = realImports();
  expect(Object.keys(real).length).toBeGreaterThan(15);
  expect(writtenImports()).toEqual(real);
});

test('it names every object of an execution', () => {
  const keys = readFileSync(join(ROOT, 'pipeline/contract/keys.ts'), 'utf8');
  const names = [...keys.matchAll(/\$\{execution\(executionId\)\}\/([a-z-]+(?:\.[a-z]+)?)/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(10);
  const objects = PAGE.split('## Objects of an execution')[1] ?? '';
  expect(names.filter((name) => !objects.includes(`\`${name}`))).toEqual([]);
});

test('the map for coding agents names every room', () => {
  const map = readFileSync(join(ROOT, 'AGENTS.md'), 'utf8');
  const named = new Set([...map.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
  expect(Object.keys(realImports()).filter((room) => !named.has(room) && !named.has(room.split('/').at(-1) ?? ''))).toEqual([]);
});
