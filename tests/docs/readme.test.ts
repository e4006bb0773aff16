// Every command of the README is run here as it stands, but for what it names in capitals, or is in the list of those that are not,
// with the reason.
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { finding, materialWith } from '../support/report-material.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const COMMANDS = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'));

const NOT_RUN: Record<string, string> = {
  'npm ci && npm test': 'is what runs this',
  'claude mcp add --transport http tilesight http://127.0.0.1:3333/mcp':
    'a program of others; the line is compared with what `npm start` prints',
};

/** Without the brackets around what may be left out, and the first of alternatives. */
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
    const counts = { ...document.tiles, failed: 0 };
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
    let said = '';
    const ready = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk) => {
      said += chunk;
      if (said.includes('Ctrl-C')) ready.resolve();
    });
    child.once('close', () => {
      isRunning = false;
      ready.reject(new Error(`Expected a server, got:\n${said}`));
    });
    await ready.promise;
    const url = said.match(/http:\/\/127\.0\.0\.1:\d+\/mcp/)?.[0] ?? '';
    expect(said.replaceAll(url, 'http://127.0.0.1:3333/mcp')).toContain(Object.keys(NOT_RUN)[1]);
    expect((await fetch(url.replace('/mcp', '/healthz'))).status).toBe(200);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    process.kill(-(child.pid ?? 0), 'SIGINT');
    await ended;
  },

  async 'npm run deploy'(command) {
    const said = await run(`${command} --dry-run`);
    expect(said).toMatch(/^sam deploy .*--region us-east-1 .*DetectionModels=bedrock:us\.amazon\.nova-lite-v1:0/m);
  },
};

test('every command is run, or is not for a reason', () => {
  const known = (command: string) => command in NOT_RUN || Object.keys(RUN).some((begin) => command.startsWith(begin));
  expect(COMMANDS.length).toBeGreaterThan(5);
  expect(COMMANDS.filter((command) => !known(command))).toEqual([]);
});

test.each(Object.entries(RUN))('%s works', { timeout: 180_000 }, async (begin, check) => {
  const commands = COMMANDS.filter((command) => command.startsWith(begin));
  expect(commands).toHaveLength(1);
  await check(commands[0] ?? '');
});
