// Which files the engine accepts as its database. It leaves any other file unchanged.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../local/engine/store/database.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { engineIn, invokerOf, runOnce } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

const invoke = invokerOf((_, context) => context.step('s', async () => 1));

async function createDatabase(folder: string, sql: string): Promise<void> {
  const database = new DatabaseSync(join(folder, 'engine.db'));
  database.exec(sql);
  database.close();
}

async function createEngineDatabase(folder: string): Promise<void> {
  const engine = engineIn(folder, invoke);
  await runOnce(engine);
  engine.close();
}

test.each([
  ['is synced at every commit', undefined, 2],
  ['is synced at its checkpoints only, if a power failure may lose the last commits', false, 1],
])('the database %s', async (_, syncsCommits, synchronous) => {
  const database = openDatabase(join(await temporaryFolder(), 'engine.db'), syncsCommits);
  onTestFinished(() => database.close());
  expect(database.prepare('pragma synchronous').get()).toEqual({ synchronous });
});

const cases: [string, (folder: string) => Promise<void>, RegExp][] = [
  [
    'is not a database',
    (folder) => writeFile(join(folder, 'engine.db'), 'not a database '.repeat(500)),
    /is not a tilesight database, or it is damaged/,
  ],
  [
    'belongs to another program',
    (folder) => createDatabase(folder, 'create table songs (title text)'),
    /is not a tilesight database, or it is damaged/,
  ],
  [
    'belongs to another program that sets a version too',
    (folder) => createDatabase(folder, 'create table songs (title text); pragma user_version = 1'),
    /is not a tilesight database, or it is damaged/,
  ],
  [
    'was written by a newer tilesight',
    async (folder) => {
      await createEngineDatabase(folder);
      await createDatabase(folder, 'pragma user_version = 99');
    },
    /has database version 99, .*Use the newer tilesight/,
  ],
  [
    'is damaged inside',
    async (folder) => {
      await createEngineDatabase(folder);
      const bytes = await readFile(join(folder, 'engine.db'));
      bytes.fill(0xa5, 3 * 4_096, 12 * 4_096);
      await writeFile(join(folder, 'engine.db'), bytes);
    },
    /is not a tilesight database, or it is damaged/,
  ],
  [
    'is truncated',
    async (folder) => {
      await createEngineDatabase(folder);
      const bytes = await readFile(join(folder, 'engine.db'));
      await writeFile(join(folder, 'engine.db'), bytes.subarray(0, bytes.length / 2));
    },
    /is not a tilesight database, or it is damaged/,
  ],
];

test.each(cases)('a file that %s is refused with a message and left unchanged, byte for byte', async (_, create, message) => {
  const folder = await temporaryFolder();
  await create(folder);
  const hash = async () =>
    createHash('sha256')
      .update(await readFile(join(folder, 'engine.db')))
      .digest('hex');
  const before = await hash();
  expect(() => engineIn(folder, invoke)).toThrow(UserError);
  expect(() => engineIn(folder, invoke)).toThrow(message);
  expect(await hash()).toBe(before);
  expect(await readdir(folder)).toEqual(['engine.db']);
});

test('a database of the first version is migrated', async () => {
  const folder = await temporaryFolder();
  await createDatabase(
    folder,
    `create table executions (
       arn text primary key, name text not null unique, input text not null, status text not null, result text, error text,
       started_at integer not null, ended_at integer, token text, crashes integer not null default 0
     ) without rowid;
     create table operations (
       arn text not null, id text not null, position integer not null, json text not null, wake_at integer,
       changed integer not null, primary key (arn, id)
     ) without rowid;
     insert into executions values ('arn:1', 'one', '{}', 'RUNNING', null, null, 1, null, null, 0);
     insert into operations values ('arn:1', 'x', 1, '${JSON.stringify({ Id: 'x', Type: 'EXECUTION', Status: 'STARTED', ExecutionDetails: { InputPayload: '{}' } })}', null, 0);
     pragma user_version = 1`,
  );
  const engine = engineIn(folder, invoke);
  onTestFinished(() => engine.close());
  engine.start();
  expect((await engine.ended('one')).result).toBe('1');
});

test('a database that another process holds is refused, and accepted after that process was killed', async () => {
  const folder = await temporaryFolder();
  const input = JSON.stringify({
    tiles: [`wait-for:${join(folder, 'never')}`],
    concurrency: 1,
    journal: join(folder, 'journal'),
  });
  const holder = fork(new URL('../fixtures/server.ts', import.meta.url), [folder, input], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onTestFinished(() => void holder.kill('SIGKILL'));
  while ((await readFile(join(folder, 'journal'), 'utf8').catch(() => '')) === '') await new Promise((go) => setTimeout(go, 10));
  expect(() => engineIn(folder, invoke)).toThrow(/Another tilesight is using/);
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  holder.once('exit', () => resolve()).kill('SIGKILL');
  await gone;
  const engine = engineIn(folder, invoke);
  expect(engine.describe('one')?.status).toBe('RUNNING');
  engine.close();
});
