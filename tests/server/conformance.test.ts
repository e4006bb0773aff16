// The protocol's official conformance suites, as child processes, against the real local server. Scenarios that need the tools, resources
// and prompts of the suites' fixture run against that fixture over the same handler. Scenarios of features that this server does not
// declare are left out: logging, subscriptions to resources, requests to the client (sampling, elicitation, required input), sessions,
// open streams, and headers that a tool defines (x-mcp-header).
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Log } from '../../pipeline/ports.ts';
import { fixtureServer } from '../support/fixture-server.ts';
import { temporaryFolder } from '../support/folder.ts';
import { tasksServer } from '../support/tasks-server.ts';

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
/** The package of a suite, and the options that choose the protocol version. */
type Suite = [packageFile: string, ...options: string[]];
const require = createRequire(import.meta.url);
const SUITE_2025: Suite = [require.resolve('@modelcontextprotocol/conformance/package.json')];
const SUITE_2026: Suite = [require.resolve('conformance-next/package.json'), '--spec-version', '2026-07-28'];
const SUITE_OF_EXTENSIONS: Suite = [...SUITE_2026, '--force']; // an extension belongs to no version

const Check = z.object({ id: z.string(), status: z.string(), errorMessage: z.string().optional() });
type Check = z.infer<typeof Check>;

test.each(['server-initialize', 'ping', 'tools-list', 'resources-list', 'prompts-list', 'dns-rebinding-protection'])(
  'the server conforms to %s of 2025-11-25',
  async (scenario) => {
    expect(await shortcomings(scenario, SUITE_2025, await ownServer())).toEqual([]);
  },
);

test.each([
  'tools-list',
  'resources-list',
  'prompts-list',
  'sep-2164-resource-not-found',
  'dns-rebinding-protection',
  'caching',
  'http-header-validation',
])('the server conforms to %s of 2026-07-28', async (scenario) => {
  expect(await shortcomings(scenario, SUITE_2026, await ownServer())).toEqual([]);
});

/** subscriptions/listen stays open for changes of lists. These lists never change, and a waiting Lambda costs money. */
const HELD_OPEN = [
  { id: 'sep-2575-server-sends-subscription-ack', errorMessage: expect.any(String) },
  { id: 'sep-2575-server-tags-subscription-id', errorMessage: expect.any(String) },
];

test('the server conforms to server-stateless of 2026-07-28, but for what only a fixture shows and streams that it refuses', async () => {
  const found = await shortcomings('server-stateless', SUITE_2026, await ownServer());
  const notTestable = expect.stringMatching(/^Not testable: server does not list the diagnostic tool 'test_/);
  expect(found).toEqual([
    { id: 'sep-2575-server-rejects-undeclared-capability', errorMessage: notTestable },
    { id: 'sep-2575-missing-capability-http-400', errorMessage: notTestable },
    { id: 'sep-2575-http-server-no-independent-requests-on-stream', errorMessage: notTestable },
    { id: 'sep-2575-server-no-log-without-loglevel', errorMessage: notTestable },
    ...HELD_OPEN,
  ]);
});

const FIXTURES = [
  ...['tools-call-simple-text', 'tools-call-image', 'tools-call-audio', 'tools-call-embedded-resource'],
  ...['tools-call-mixed-content', 'tools-call-error', 'tools-call-with-progress', 'json-schema-2020-12'],
  ...['resources-read-text', 'resources-read-binary', 'resources-templates-read', 'completion-complete'],
  ...['prompts-get-simple', 'prompts-get-with-args', 'prompts-get-embedded-resource', 'prompts-get-with-image'],
];

describe.each([
  ['2025-11-25', SUITE_2025],
  ['2026-07-28', SUITE_2026],
] as const)('the handler with a fixture of %s', (_, suite) => {
  test.each(FIXTURES)('conforms to %s', async (scenario) => {
    expect(await shortcomings(scenario, suite, await fixtureServer())).toEqual([]);
  });
});

test('the handler conforms to server-stateless of 2026-07-28, but for streams that it refuses', async () => {
  const found = await shortcomings('server-stateless', SUITE_2026, await fixtureServer());
  expect(found).toEqual(HELD_OPEN);
});

// The suite calls tools of fixed names. They start executions, and become tasks by the same code as analyze_image. Left out: scenarios
// of tasks that require input, of tools that are only tasks, and of tasks that fail in the protocol.
test.each(['tasks-capability-negotiation', 'tasks-wire-fields', 'tasks-request-state-removal', 'tasks-request-headers'])(
  'analyses as tasks conform to %s',
  async (scenario) => {
    expect(await shortcomings(scenario, SUITE_OF_EXTENSIONS, await tasksServer())).toEqual([]);
  },
);

/** The failures and warnings of a scenario; a skipped check is none. Throws if the scenario checked nothing. */
async function shortcomings(scenario: string, [packageFile, ...options]: Suite, url: string): Promise<Omit<Check, 'status'>[]> {
  const out = await temporaryFolder();
  const program = join(dirname(packageFile), 'dist/index.js');
  const said = await run(program, ['server', '--url', url, '--scenario', scenario, ...options, '-o', out]);
  const [folder] = await readdir(out);
  const file = join(out, folder ?? '', 'checks.json');
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new Error(`Expected checks of ${scenario}, got none: ${said}`, { cause });
  });
  const checks = z.array(Check).parse(JSON.parse(text));
  expect(checks.map(({ status }) => status)).toContain('SUCCESS');
  const wrong = checks.filter(({ status }) => !['SUCCESS', 'SKIPPED', 'INFO'].includes(status));
  return wrong.map(({ id, errorMessage }) => ({ id, errorMessage }));
}

async function ownServer(): Promise<string> {
  const config = readConfig({ LOG_LEVEL: 'silent' });
  const server = await serve({ config, dataFolder: await temporaryFolder(), allowedFolders: [], port: 0, log: SILENT });
  onTestFinished(() => server.close());
  return `${server.url}/mcp`;
}

async function run(program: string, args: string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...args]);
  onTestFinished(() => void child.kill());
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  return said;
}
