// Every tool, resource and prompt through the command line of the official Inspector, in both eras of the protocol, against the real
// local server, its workers and a local model.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { type LocalServer, serve } from '../../local/serve.ts';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { cancelExecution } from '../../mcp-server/tools/cancel-execution.ts';
import type { AnyTool } from '../../mcp-server/tools/define.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { retryFailedTiles } from '../../mcp-server/tools/retry-failed-tiles.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Log } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ERAS, type Era, type Inspector, inspector } from '../support/inspector.ts';
import { ownedCalls } from '../support/owned-arguments.ts';
import { Page, Started, Upload } from '../support/tool-calls.ts';

const SKILLS = z
  .array(z.object({ frontmatter: z.object({ name: z.string() }) }))
  .parse(JSON.parse(await readFile('skills/index.json', 'utf8')));

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function ownServer(allowedFolders: string[] = []): Promise<LocalServer> {
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent' });
  const server = await serve({ config, dataFolder: await temporaryFolder(), allowedFolders, port: 0, log: SILENT });
  onTestFinished(() => server.close());
  return server;
}

const inspecting = async (era: Era, server: LocalServer) => await inspector(era, `${server.url}/mcp`);

/** The arguments of a call that names an execution: some tools take an image as well. */
function callOfExecution(tool: AnyTool): object {
  const call = ownedCalls(tool, { execution: 'nobody', image: 'nobody' }).find((args) => 'execution_id' in args);
  if (!call) throw new Error(`No call of ${tool.name} names an execution.`);
  return call;
}

/** Where a cat sits in the example image, and little else: one tile. */
const CAT = { left: 1_474, top: 0, width: 640, height: 512 };

/** Uploads, analyzes and waits, as an agent does. Returns the id of an analysis that has ended. */
async function analyzed({ call }: Inspector): Promise<string> {
  const image = await sharp('examples/lawn.jpg').extract(CAT).jpeg().toBuffer();
  const { upload_id, url, headers } = await call('create_upload', { file_name: 'cat.jpg', bytes: image.length }, Upload);
  expect(await fetch(url, { method: 'PUT', headers, body: new Uint8Array(image) })).toMatchObject({ status: 204 });
  const { execution_id } = await call('analyze_image', { image: upload_id, wait_seconds: 25 }, Started);
  expect(await call('analyze_image', { image: upload_id }, Started)).toMatchObject({ execution_id, created: false });
  return execution_id;
}

describe.each(Object.keys(ERAS) as Era[])('the Inspector in the %s era', (era) => {
  test('lists tools, templates and prompts, and accepts every schema', async () => {
    const { ask } = await inspecting(era, await ownServer());
    const Named = z.array(z.looseObject({ name: z.string() })).transform((found) => found.map(({ name }) => name));
    const [hello, tools, resources, templates, prompts] = await Promise.all([
      ask('initialize', [], z.looseObject({ protocolVersion: z.string(), instructions: z.string() })),
      ask('tools/list', ['--strict'], z.looseObject({ tools: Named })), // fails for a schema that a client could refuse
      ask('resources/list', [], z.looseObject({ resources: Named })),
      ask('resources/templates/list', [], z.looseObject({ resourceTemplates: Named })),
      ask('prompts/list', [], z.looseObject({ prompts: Named })),
    ]);
    expect(hello).toMatchObject({ protocolVersion: ERAS[era], serverInfo: { name: 'tilesight' } });
    expect(hello.instructions).toContain('analyze_image');
    expect(tools.tools).toEqual(TOOLS.map(({ name }) => name));
    expect(resources.resources).toEqual(['labels', ...SKILLS.map(({ frontmatter }) => frontmatter.name)]);
    expect(templates.resourceTemplates).toEqual(['execution', 'findings', 'overlay', 'skill']);
    expect(prompts.prompts).toEqual(['inspect_image', 'compare_runs']);
  });

  test('uploads and analyzes an image, and reads and views the findings', async () => {
    const inspector = await inspecting(era, await ownServer());
    const { ask, call, image } = inspector;
    const execution_id = await analyzed(inspector);
    const Contents = z.object({
      contents: z.tuple([
        z.object({ uri: z.string(), mimeType: z.string(), text: z.string().optional(), blob: z.string().optional() }),
      ]),
    });
    const read = async (path: string) =>
      (await ask('resources/read', ['--uri', `tilesight://executions/${execution_id}${path}`], Contents)).contents[0];

    const [view, page, earlier, closer, report, findings, overlay] = await Promise.all([
      call('get_execution', { execution_id, wait_seconds: 5 }, ExecutionView),
      call('list_findings', { execution_id, labels: ['cat'], response_format: 'detailed' }, Page),
      call('list_findings', { labels: ['cat'] }, Page),
      image('view_region', { execution_id, finding_id: 'f1', max_px: 40_000 }),
      read(''),
      read('/findings'),
      read('/overlay'),
    ]);
    expect(view).toMatchObject({ execution_id, status: 'SUCCEEDED', phase: 'done', poll_after_seconds: 0 });
    expect(view.tiles).toMatchObject({ failed: 0, done: view.tiles.total });
    expect(page).toMatchObject({ execution_id, status: 'SUCCEEDED', image: { width: 640, height: 512 }, next_cursor: null });
    expect(page.findings[0]).toMatchObject({ label: 'cat', verified: null });
    expect(earlier.executions).toMatchObject([{ execution_id, by_label: { cat: page.totals.matching } }]);
    expect(closer.mimeType).toBe('image/jpeg');
    const { format, width, height } = await sharp(closer.bytes).metadata();
    expect(format).toBe('jpeg');
    expect(width * height).toBeLessThanOrEqual(40_000);
    expect(closer.words).toContain(`of the full image (640 x 512 pixels), shown in ${width} x ${height} pixels`);
    expect(report.text).toContain(`# Analysis ${execution_id}: SUCCEEDED`);
    expect(report.text).toContain(`- cat: ${page.totals.matching}`);
    expect(Page.parse(JSON.parse(findings.text ?? ''))).toMatchObject({
      execution_id,
      totals: { matching: view.findings_so_far },
    });
    expect(await sharp(Buffer.from(overlay.blob ?? '', 'base64')).metadata()).toMatchObject({
      width: 640,
      height: expect.closeTo(530, -2), // 512 and a legend
    });
  });

  test('cancels a running analysis, and retries the remaining tiles', async () => {
    const folder = await temporaryFolder();
    await sharp('examples/lawn.jpg').resize(2_100, 1_400).jpeg().toFile(join(folder, 'lawn.jpg'));
    const { call, refusal } = await inspecting(era, await ownServer([folder]));
    // About 300 small tiles, so that the analysis is still running after a few seconds.
    const wishes = { image: pathToFileURL(join(folder, 'lawn.jpg')).href, tile_size: 128, overlap: 16, detail: 'max' };
    const { execution_id, status } = await call('analyze_image', { ...wishes, dry_run: true }, Started);
    expect(status).toBe('PLANNED');
    // In an era with tasks, the Inspector does not return before the analysis has ended.
    const launched = call('analyze_image', wishes, Started).then(({ status }) => status, String);
    const phaseOf = async () => (await call('get_execution', { execution_id }, ExecutionView)).phase;
    await expect.poll(phaseOf, { timeout: 40_000 }).toBe('detect');
    expect(await refusal('list_findings', { execution_id })).toMatch(/^Execution \S+ is still running: phase /);
    const cancelled = await call('cancel_execution', { execution_id }, cancelExecution.output);
    expect(cancelled).toMatchObject({ execution_id, status: 'CANCELLED' });
    expect(cancelled.tiles).toMatchObject({ failed: 0, not_analyzed: expect.any(Number) });
    expect(cancelled.tiles.not_analyzed).toBeGreaterThan(0);
    expect(await launched).toMatch(era === 'modern' ? /"analyze_image" was cancelled\.$/ : 'RUNNING');
    const again = await call('retry_failed_tiles', { execution_id }, retryFailedTiles.output);
    expect(again).toMatchObject({ status: 'RUNNING', created: true });
    expect(again.execution_id).not.toBe(execution_id);
  });

  test('gets a sentence from every tool that refuses, and for a resource that does not exist', async () => {
    const { refusal, complaint } = await inspecting(era, await ownServer());
    const unknown = /^This server has no execution nobody\. /;
    const refused: (readonly [name: string, args: object, sentence: RegExp])[] = [
      ['analyze_image', { image: 'file:///etc/passwd' }, /^This server accepts an upload_id, not file:\/\/\/etc\/passwd\. /],
      [
        'get_execution',
        { execution_id: 7, colour: 'red' },
        /^Invalid arguments for get_execution: .*unknown colour\. The arguments /,
      ],
      ...TOOLS.filter((tool) => 'execution_id' in tool.owned).map((tool) => [tool.name, callOfExecution(tool), unknown] as const),
      [
        'create_upload',
        { file_name: 'a.jpg', bytes: 3_000_000_000 },
        /^The file has 3000000000 bytes, but an upload takes at most 2147483648/,
      ],
      ['view_region', { execution_id: 'nobody', finding_id: 'f1' }, unknown],
    ];
    const said = await Promise.all(refused.map(([name, args]) => refusal(name, args)));
    for (const [index, [name, , sentence]] of refused.entries()) expect(said[index], name).toMatch(sentence);
    expect(refused.map(([name]) => name)).toEqual(expect.arrayContaining(TOOLS.slice(0, 7).map(({ name }) => name)));
    expect(await complaint('resources/read', ['--uri', 'tilesight://executions/nobody'])).toMatch(unknown);
  });

  test('gets both prompts with their arguments', async () => {
    const { ask } = await inspecting(era, await ownServer());
    const Prompt = z.object({ messages: z.tuple([z.object({ content: z.object({ text: z.string() }) })]) });
    const prompt = async (name: string, ...args: string[]) =>
      (await ask('prompts/get', ['--prompt-name', name, '--prompt-args', ...args], Prompt)).messages[0].content.text;
    const [inspect, compare] = await Promise.all([
      prompt('inspect_image', 'image=plan.png', 'look_for=fire exits'),
      prompt('compare_runs', 'before=plan-1', 'after=plan-2'),
    ]);
    expect(inspect).toContain('image "plan.png", look_for "fire exits"');
    expect(compare).toContain('plan-1 (before) and plan-2 (after)');
  });
});
