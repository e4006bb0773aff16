// The container's files without a container: the Dockerfile is parsed and checked, its RUN steps and its command run in a folder that
// holds what its COPY steps name, and the compose file passes a linter.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { DCLinter } from 'dclint';
import { type Copy, DockerfileParser, type Instruction, type JSONInstruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { at } from '../../pipeline/contract/at.ts';
import { closedPort } from '../support/closed-port.ts';
import { temporaryFolder } from '../support/folder.ts';

const TEXT = await readFile('container/Dockerfile', 'utf8');
const dockerfile = DockerfileParser.parse(TEXT);
const of = (keyword: string) => dockerfile.getInstructions().filter((one) => one.getKeyword() === keyword);
const words = (instruction: Instruction) => instruction.getArguments().map((argument) => argument.getValue());
/** The command of an instruction in JSON form. */
const commandOf = (keyword: string): string[] =>
  (at(of(keyword), 0) as JSONInstruction).getJSONStrings().map((word) => JSON.parse(word.getValue()));

describe('the Dockerfile', () => {
  test('has no fault that the linter of the Docker extension for editors knows', () => {
    expect(validate(TEXT).map(({ message }) => message)).toEqual([]);
    expect(validate(TEXT.replace('USER node', 'USR node')).length).toBeGreaterThan(0);
  });

  // Numbers of https://github.com/hadolint/hadolint#rules
  test.each<[rule: string, faults: () => unknown[]]>([
    [
      'DL3006, DL3007: images have a version',
      () => dockerfile.getFROMs().filter((one) => !/:\d+\.\d+\.\d+/.test(words(one)[0] ?? '')),
    ],
    ['DL3000: folders are absolute', () => of('WORKDIR').filter((one) => !words(one)[0]?.startsWith('/'))],
    [
      'DL3002: the last user is not root',
      () => of('USER').filter((one, index, all) => index === all.length - 1 && words(one)[0] !== 'node'),
    ],
    ['DL3020: files are copied, not added', () => of('ADD')],
    [
      'DL3025: commands are in JSON form',
      () => [...of('CMD'), ...of('ENTRYPOINT')].filter((one) => !one.getRawArgumentsContent()?.startsWith('[')),
    ],
    ['DL3059: there is one RUN in a stage', () => of('RUN').slice(2)],
    ['DL4000: there is no MAINTAINER', () => of('MAINTAINER')],
    ['DL3057: there is a health check, before the command', () => (of('HEALTHCHECK').length === 1 ? [] : ['none'])],
    [
      'DL3016: npm installs what the lock file names',
      () => of('RUN').filter((one) => /npm (i|install)\b/.test(one.getRawArgumentsContent() ?? '')),
    ],
  ])('follows %s', (_, faults) => {
    expect(faults()).toEqual([]);
  });

  test('copies nothing that is not in the context, and nothing of the context is not copied', async () => {
    const ignore = (await readFile('container/Dockerfile.dockerignore', 'utf8')).trim().split('\n');
    expect(ignore[0]).toBe('*');
    expect(copied().sort()).toEqual(
      ignore
        .slice(1)
        .map((line) => line.replace(/^!/, ''))
        .sort(),
    );
  });

  test('lets only the data folder be written', () => {
    expect(of('VOLUME').map(words)).toEqual([['["/data"]']]);
    expect(TEXT).toContain('chown node:node /data\n');
    expect(TEXT.match(/chown/g)).toHaveLength(1);
  });

  test('builds a server that is healthy, and that only requests with the token reach', { timeout: 120_000 }, async () => {
    const [app, data, images] = [join(await temporaryFolder(), 'app'), await temporaryFolder(), await temporaryFolder()];
    for (const path of copied()) {
      await mkdir(dirname(join(app, path)), { recursive: true });
      await cp(path, join(app, path), { recursive: true });
    }
    const [install = '', keepOneSystem = ''] = (at(of('RUN'), 0).getArgumentsContent() ?? '').split('&&');
    // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
    const environment = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    const inApp = (line: string) => promisify(execFile)('sh', ['-euc', line], { cwd: app, env: environment });
    expect(install.trim()).toBe('npm ci --omit=dev --ignore-scripts');
    await inApp(`${install} --dry-run`); // a real one takes a minute on a busy machine
    await copyPackages(app);
    await inApp(keepOneSystem);
    const { stdout } = await promisify(execFile)('find', ['node_modules/onnxruntime-node/bin', '-mindepth', '3', '-type', 'd'], {
      cwd: app,
    });
    expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(new RegExp(`/linux/${process.arch}$`))]);

    const port = await closedPort();
    const [token, tokenFile] = ['t'.repeat(32), join(await temporaryFolder(), 'token')];
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    const here = (word: string) => word.replaceAll('3333', String(port)).replace('/run/tilesight/token', tokenFile);
    const env = { ...environment, NODE_ENV: 'production', TILESIGHT_HOME: data, ALLOWED_FOLDERS: images, LOG_LEVEL: 'silent' };
    const [node = '', ...rest] = [...commandOf('ENTRYPOINT'), ...commandOf('CMD')].map(here);
    expect(node).toBe('node');
    const server = spawn(process.execPath, rest, { cwd: app, env, stdio: ['ignore', 'ignore', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    const [, words = '[]'] = /CMD (\[.*\])/s.exec(at(of('HEALTHCHECK'), 0).getArgumentsContent() ?? '') ?? [];
    const [, ...check] = z.array(z.string()).parse(JSON.parse(words)).map(here);
    const isHealthy = () =>
      promisify(execFile)(process.execPath, check).then(
        () => true,
        () => false,
      );
    await expect.poll(isHealthy, { timeout: 60_000, interval: 500 }).toBe(true);

    const client = new Client({ name: 'test', version: '1' });
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    expect((await fetch(url, { method: 'POST' })).status).toBe(401);
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    await client.close();
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(await isHealthy()).toBe(false);
  });
});

/** Copies what npm ci without devDependencies installs: the packages of the lock file without those for development. */
async function copyPackages(app: string): Promise<void> {
  const Lock = z.object({ packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })) });
  const { packages } = Lock.parse(JSON.parse(await readFile('package-lock.json', 'utf8')));
  const names = Object.entries(packages).filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev);
  for (const [path] of names) {
    if (existsSync(path)) await cp(path, join(app, path), { recursive: true }); // the rest are for another system
  }
}

/** What COPY takes from the context. */
function copied(): string[] {
  const fromContext = of('COPY').filter((one) => (one as Copy).getFromFlag() === null);
  return fromContext.flatMap((one) => words(one).slice(0, -1));
}

const Results = z.array(z.object({ messages: z.array(z.object({ rule: z.string(), message: z.string() })) }));

describe('the compose file', () => {
  test('passes the linter, and the schema of compose files in it', async () => {
    const linter = new DCLinter({
      rules: { 'require-quotes-in-ports': [1, { quoteType: 'double' }] },
      quiet: true,
      debug: false,
      exclude: [],
    });
    const faultsOf = (file: string) => Results.parse(linter.lintFiles([file], false)).flatMap(({ messages }) => messages);
    expect(faultsOf('container/compose.yaml')).toEqual([]);
    const broken = join(await temporaryFolder(), 'compose.yaml');
    await writeFile(broken, (await readFile('container/compose.yaml', 'utf8')).replace('cap_drop:', 'cap_drops:'));
    expect(faultsOf(broken)).not.toEqual([]);
  });

  test('runs the command of the Dockerfile, on loopback, without rights that the server does not need', async () => {
    const { services } = parse(await readFile('container/compose.yaml', 'utf8'));
    const { tilesight } = services;
    const words = tilesight.command.map((word: string) => word.replace(/^\$\{\w+:-(.*)\}$/, '$1'));
    expect(words).toEqual(commandOf('CMD'));
    expect(tilesight).toMatchObject({
      ports: ['127.0.0.1:3333:3333'],
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    const folders = tilesight.volumes.map((volume: string) => volume.replace(/^(\$\{[^}]*\}|\w+):/, ''));
    expect(folders).toEqual(['/data', '/images:ro', '/run/tilesight/token:ro']);
  });
});
