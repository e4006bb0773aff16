import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { iou } from '../../pipeline/planning/geometry.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { openaiServer } from '../support/openai-server.ts';

async function drawing(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'drawing.png');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1500" height="900"><rect width="1500" height="900" fill="white"/>
    <text x="700" y="500" font-size="40" font-family="DejaVu Sans">${text}</text></svg>`;
  await sharp(Buffer.from(svg)).png().toFile(path);
  return path;
}

describe('tilesight analyze', () => {
  test('prints a table, writes findings and overlay, and leaves no other file', async () => {
    const { code, stdout, left, out } = await runCommand(['analyze', await drawing('VALVE V-4711')], {
      DETECTION_MODELS: 'onnx:ppocr',
    });
    expect({ code, left }).toEqual({ code: 0, left: [] });
    expect(stdout).toMatch(/1 findings? in 1500 x 900 px/);
    expect(stdout).toMatch(/│ f1 +│ text +│ .* VALVE V-4711 +│/);
    expect(stdout).toContain('without a language model');
    expect(stdout).toMatch(/^Note: onnx:ppocr reads printed text in Latin and Chinese characters\./m);
    const document = FindingsDocument.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
    expect(document.findings.map(({ text }) => text)).toEqual(['VALVE V-4711']);
    const overlay = await sharp(join(out, 'overlay.jpg')).metadata();
    expect(overlay.width).toBe(1_500);
    expect(overlay.height).toBeGreaterThan(900); // with its legend
  });

  test('prints only JSON on standard output with --json -', async () => {
    const { code, stdout } = await runCommand(['analyze', await drawing('X-1'), '--json', '-', '--label', 'cat']);
    expect(code).toBe(0);
    expect(FindingsDocument.parse(JSON.parse(stdout))).toMatchObject({
      status: 'SUCCEEDED',
      request: { ask: { labels: ['cat'] } },
      findings: [],
    });
  });

  test('finds a person who is larger than many tiles once, as one box', async () => {
    const path = join(await temporaryFolder(), 'close-up.jpg');
    const portrait = { left: 3_006, top: 323, width: 294, height: 294 }; // the astronaut of the example image
    await sharp('examples/lawn.jpg').extract(portrait).resize(4_000, 4_000).jpeg({ quality: 92 }).toFile(path);
    const { code, out } = await runCommand(['analyze', path]);
    expect(code).toBe(0);
    const { findings } = FindingsDocument.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
    const people = findings.filter(({ label }) => label === 'person');
    expect(people).toHaveLength(1);
    expect(iou(people[0]?.box ?? [0, 0, 0, 0], [425, 80, 2_990, 3_920])).toBeGreaterThan(0.5);
  });

  test('ends on Ctrl-C with exit code 130 and no process, and the same command continues where it ended', {
    timeout: 180_000,
  }, async () => {
    const TILESIGHT_HOME = await temporaryFolder();
    const command = ['analyze', 'examples/lawn.jpg', '--max-tiles', '20'];
    const running = await startCommand(command, { TILESIGHT_HOME });
    await running.says('detect, ');
    running.process.kill('SIGINT');
    const { code, left, stderr, out } = await running.outcome;
    await vi.waitFor(async () => expect(await running.processes()).toEqual([]), { timeout: 5_000 });
    expect({ code, left, out: existsSync(out) }).toEqual({ code: 130, left: [], out: false });
    expect(stderr).toContain('Interrupted. Run the same command again to continue.');

    const [folder = ''] = await readdir(join(TILESIGHT_HOME, 'analyses'));
    const executionId = await readFile(join(TILESIGHT_HOME, 'analyses', folder, 'execution-id'), 'utf8');
    const again = await runCommand(command, { TILESIGHT_HOME });
    expect(again).toMatchObject({
      code: 0,
      left: [],
      stderr: expect.stringContaining(`Continuing the analysis ${executionId}.`),
    });
    const document = FindingsDocument.parse(JSON.parse(await readFile(join(again.out, 'findings.json'), 'utf8')));
    expect(document.execution_id).toBe(executionId);
    expect(await readdir(join(TILESIGHT_HOME, 'analyses'))).toEqual([]);
  });

  test('writes every other result if one cannot be written, and the next run writes them all without another analysis', async () => {
    const [TILESIGHT_HOME, out] = [await temporaryFolder(), await temporaryFolder()];
    const command = ['analyze', await drawing('A-1'), '--out', out, '--label', 'cat'];
    await mkdir(join(out, 'overlay.jpg', 'in-the-way'), { recursive: true });
    const first = await runCommand(command, { TILESIGHT_HOME });
    expect(first).toMatchObject({ code: 1, stderr: expect.stringMatching(/tilesight: Cannot write .*overlay\.jpg \(E\w+\)\./) });
    expect((await readdir(out)).sort()).toEqual(['findings.json', 'overlay.jpg', 'report.html']);
    await rm(join(out, 'overlay.jpg'), { recursive: true });
    const second = await runCommand(command, { TILESIGHT_HOME });
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('Continuing the analysis') });
    expect((await sharp(join(out, 'overlay.jpg')).metadata()).width).toBe(1_500);
  });

  test.each([
    ['--out', 'a file as --out'],
    ['--json', 'a folder that cannot be made for --json'],
  ])('checks %s before it starts: %s', async (option) => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, 'x');
    const { code, stderr } = await runCommand(['analyze', await drawing('A-2'), option, join(file, 'results')]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^tilesight: Cannot write .*results \(ENOTDIR\)\. .*\n$/)]);
  });
});

describe('tilesight analyze with a language model', () => {
  test('without its key ends before the image is read', async () => {
    const unset = { ANTHROPIC_API_KEY: '', DETECTION_MODELS: 'anthropic:claude-sonnet-5' };
    const { code, stderr } = await runCommand(['analyze', await drawing('key')], unset);
    expect([code, stderr]).toEqual([1, 'tilesight: anthropic: models need a key. Set ANTHROPIC_API_KEY.\n']);
  });

  test('whose server fails says how to see the words of the server, and then shows them', async () => {
    const { baseUrl } = await openaiServer({ status: 401, message: 'This key was revoked in May.' });
    const environment = { OPENAI_BASE_URL: baseUrl, DETECTION_MODELS: 'openai:some-model' };
    const image = await drawing('fault');
    const first = await runCommand(['analyze', image], environment);
    expect(first.stderr).toContain('With LOG_LEVEL=warn, the log shows what the model service answered.\n');
    expect(first.stderr).not.toContain('revoked');
    const second = await runCommand(['analyze', image], { ...environment, LOG_LEVEL: 'warn' });
    expect(second.stderr).toContain('This key was revoked in May.');
    expect(second.stderr).not.toContain('With LOG_LEVEL=warn');
  });
});

describe('tilesight analyze refuses with one sentence, and leaves no file, for', () => {
  const refusals: [string, (folder: string) => Promise<string>, RegExp, Record<string, string>?][] = [
    [
      'a text file named .jpg',
      (folder) => written(folder, 'I am text'),
      /The file is not an image of an accepted format \(jpeg, .*\), or it is cut off/,
    ],
    ['an empty file', (folder) => written(folder, ''), /The image file .*image\.jpg is empty \(0 bytes\)\. Check the file\.$/],
    [
      'a path without a file',
      async (folder) => join(folder, 'none.jpg'),
      /The image file .*none\.jpg does not exist\. Check the path\.$/,
    ],
    ['a folder', async (folder) => folder, /: .* is not a file\. Name an image file\.$/],
    ['a truncated JPEG', truncatedJpeg, /The data of the image is damaged or cut off/],
    [
      'an image over the pixel limit',
      () => drawing('big'),
      /The image must not have more than 1,000,000 pixels, but it has 1500 x 900/,
      { PIXELS_MAX: '1000000' },
    ],
    [
      'an unknown model',
      () => drawing('model'),
      /The model nobody:nothing has an unknown provider\. Choose a model that begins with onnx: or /,
      { DETECTION_MODELS: 'nobody:nothing' },
    ],
    [
      'the model of an agent, which no agent could reach',
      () => drawing('agent'),
      /The model agent: is an agent that calls the tools of a server, .* run tilesight serve or tilesight mcp\.$/,
      { DETECTION_MODELS: 'agent:' },
    ],
    ['an invalid setting', () => drawing('setting'), /The environment variable PIXELS_MAX is invalid/, { PIXELS_MAX: 'many' }],
  ];

  test.each(refusals)('%s', async (_, make, sentence, environment) => {
    const { code, stdout, stderr, left, out } = await runCommand(['analyze', await make(await temporaryFolder())], environment);
    const sentences = stderr.split('\n').filter((line) => line.startsWith('tilesight: '));
    expect({ code, stdout, left, out: existsSync(out) }).toEqual({ code: 1, stdout: '', left: [], out: false });
    expect(sentences).toEqual([expect.stringMatching(sentence)]);
    expect(stderr).not.toMatch(/\n {4}at |"level"/); // no stack, no log
  });

  async function written(folder: string, content: string): Promise<string> {
    const path = join(folder, 'image.jpg');
    await writeFile(path, content);
    return path;
  }

  async function truncatedJpeg(folder: string): Promise<string> {
    const path = join(folder, 'cut.jpg');
    await sharp('examples/lawn.jpg').resize(1_500).jpeg().toFile(path);
    await truncate(path, Math.round((await stat(path)).size / 2));
    return path;
  }
});
