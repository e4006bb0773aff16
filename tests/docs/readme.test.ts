// Runs every command of the README as written, except for the words in capitals. NOT_RUN lists the exceptions with their reasons.
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { EXPORT_FORMATS } from '../../pipeline/findings/exports/index.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { connected } from '../support/mcp-clients.ts';
import { finding, materialWith } from '../support/report-material.ts';
import { testServer } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const COMMANDS = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'));

const NOT_RUN: Record<string, string> = {
  'claude mcp add --transport http tilesight http://127.0.0.1:3333/mcp':
    'a program that is not ours; the line is compared with the one that `npm start` prints',
};

/** Without the brackets around optional words, and with the first of several alternatives. */
const whole = (command: string) => command.replace(/[[\]]/g, '').replace(/(\w+)(\|[\w-]+)+/g, '$1');

async function run(command: string, values: Record<string, string> = {}): Promise<string> {
  const line = Object.entries(values).reduce((text, [name, value]) => text.replace(name, value), whole(command));
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', line], { cwd: ROOT, env: await environment() });
  return stdout;
}

async function environment(): Promise<Record<string, string | undefined>> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  return { ...process.env, TILESIGHT_HOME: await temporaryFolder(), DETECTION_MODELS: 'onnx:nanodet' };
}

const RUN: Record<string, (command: string) => Promise<void>> = {
  async 'git clone REPOSITORY_URL'(command) {
    const folder = await temporaryFolder();
    const line = `${command.replace('REPOSITORY_URL', `'${ROOT}'`)} && node --print "require('./package.json').name"`;
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', line], { cwd: folder });
    expect(stdout.trim()).toBe('tilesight');
    expect(existsSync(join(folder, 'tilesight/.ci/run'))).toBe(true);
  },

  async 'npm ci && npm run demo'(command) {
    expect(await run(command.replace('npm ci && ', ''))).toContain('findings in 6000 x 4000 px');
    for (const file of ['overlay.jpg', 'findings.json']) expect(existsSync(join(ROOT, 'tilesight-out', file))).toBe(true);
  },

  async 'npx tilesight analyze IMAGE'(command) {
    const folder = await temporaryFolder();
    const [json, out] = [join(folder, 'findings.json'), join(folder, 'out')];
    await run(command, { IMAGE: 'examples/lawn.jpg', FILE: json, DIR: out });
    expect(JSON.parse(await readFile(json, 'utf8')).request.ask.look_for).toBe('cats and cups');
    expect(existsSync(join(out, 'overlay.jpg'))).toBe(true);
  },

  async 'npx tilesight export EXECUTION'(command) {
    const folder = await temporaryFolder();
    const { document } = materialWith([finding(1), finding(2)]);
    const { execution_id } = document;
    const counts = { ...document.tiles, failed: 0, not_analyzed: 0 };
    const ended = { ...{ phase: 'done', findings: 2, reason: null, failed_tiles: [] }, started_at: '2026-11-21T10:11:12.000Z' };
    const progress = { ...document, ...ended, tiles: counts, updated_at: ended.started_at };
    const blobs = fsBlobs(join(folder, 'blobs'));
    await blobs.put(keys.findings(execution_id), Buffer.from(JSON.stringify(document)));
    await blobs.put(keys.progress(execution_id), Buffer.from(JSON.stringify(progress)));
    const out = join(folder, 'coco.json');
    await run(command, { EXECUTION: execution_id, FILE: out, DIR: folder });
    expect(JSON.parse(await readFile(out, 'utf8')).annotations).toHaveLength(document.findings.length);
  },

  async 'npm start'() {
    const child = spawn('npm', ['start', '--', '--port', '0'], { cwd: ROOT, env: await environment(), detached: true });
    let isRunning = true;
    onTestFinished(() => void (isRunning && process.kill(-(child.pid ?? 0), 'SIGKILL')));
    let printed = '';
    const ready = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes('Ctrl-C')) ready.resolve();
    });
    child.once('close', () => {
      isRunning = false;
      ready.reject(new Error(`Expected a server, got:\n${printed}`));
    });
    await ready.promise;
    const url = printed.match(/http:\/\/127\.0\.0\.1:\d+\/mcp/)?.[0] ?? '';
    expect(printed.replaceAll(url, 'http://127.0.0.1:3333/mcp')).toContain(Object.keys(NOT_RUN)[0]);
    expect((await fetch(url.replace('/mcp', '/healthz'))).status).toBe(200);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    process.kill(-(child.pid ?? 0), 'SIGINT');
    await ended;
  },

  async 'npm run deploy'(command) {
    const printed = await run(`${command} --dry-run`);
    expect(printed).toMatch(/^sam deploy .*--region us-east-1 .*DetectionModels=bedrock:us\.amazon\.nova-lite-v1:0/m);
  },
};

test('every command is run, or has a reason why not', () => {
  const known = (command: string) => command in NOT_RUN || Object.keys(RUN).some((begin) => command.startsWith(begin));
  expect(COMMANDS.length).toBeGreaterThan(5);
  expect(COMMANDS.filter((command) => !known(command))).toEqual([]);
});

test('the two commands of a newcomer are in the first screen', () => {
  const screen = README.split('\n').slice(0, 25).join('\n');
  expect(screen).toContain('```sh\ngit clone REPOSITORY_URL tilesight && cd tilesight\nnpm ci && npm run demo\n```');
});

test('the table of tools names the tools of the server, and no other', async () => {
  const named = [...README.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, name = '']) => name);
  const client = await connected('2.x pinned to 2026-07-28', await testServer());
  expect(named.sort()).toEqual((await client.listTools()).map(({ name }) => name).sort());
});

test('the export command names a format, and links the page that names every format', () => {
  const [, format = ''] = README.match(/export EXECUTION --format (\S+)/) ?? [];
  expect(EXPORT_FORMATS).toContain(format);
  expect(README).toContain('](docs/exports.md)');
  const [, table = ''] = readFileSync(join(ROOT, 'docs/exports.md'), 'utf8').split(/^\| format .*$/m);
  expect([...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name)).toEqual(EXPORT_FORMATS);
});

test.each(Object.entries(RUN))('%s works', { timeout: 180_000 }, async (begin, check) => {
  const commands = COMMANDS.filter((command) => command.startsWith(begin));
  expect(commands).toHaveLength(1);
  await check(commands[0] ?? '');
});
