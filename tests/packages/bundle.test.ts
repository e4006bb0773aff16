// The bundle for Claude Desktop as its user has it: unpacked in an empty folder, started by the command of its own manifest.
import { execFile } from 'node:child_process';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { getMcpConfigForManifest, unpackExtension, v0_3 } from '@anthropic-ai/mcpb';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { RUNTIMES } from '../../build/npm-package/runtimes.ts';
import { bundleName } from '../../build/ways/mcp-bundle.ts';
import { WAYS } from '../../build/ways/write-ways.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const BYTES_MAX = 60_000_000;
const RUNTIME = RUNTIMES.find(({ os, cpu }) => os === process.platform && cpu === process.arch);

test.skipIf(!RUNTIME)(
  'the unpacked bundle of npm run build:packages starts by its manifest, lists all tools and finds a cat',
  { timeout: 180_000 },
  async () => {
    const [folder, images, home] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
    const { stdout } = await promisify(execFile)(process.execPath, ['build/build-packages.ts', '--out', folder]);
    for (const way of [...Object.keys(WAYS), 'npm']) expect(stdout).toContain(`${basename(folder)}/${way}/`);
    expect(stdout).toContain('The manifests name OWNER as the publisher. Name yours with --owner before you publish.');
    const file = join(folder, bundleName());
    const { size } = await stat(file);
    console.log(`${bundleName()}: ${(size / 1_000_000).toFixed(1)} MB.`);
    expect(size).toBeLessThanOrEqual(BYTES_MAX);

    const extensionPath = join(folder, 'unpacked');
    expect(await unpackExtension({ mcpbPath: file, outputDir: extensionPath, silent: true })).toBe(true);
    const manifest = v0_3.McpbManifestSchema.parse(JSON.parse(await readFile(join(extensionPath, 'manifest.json'), 'utf8')));
    const systemDirs = { HOME: home };
    const withFolders = { manifest, extensionPath, systemDirs, pathSeparator: '/' };
    expect(await getMcpConfigForManifest({ ...withFolders, userConfig: {} })).toBeUndefined(); // the user has to choose folders
    const other = join(images, 'other');
    await mkdir(other);
    const config = await getMcpConfigForManifest({ ...withFolders, userConfig: { folders: [images, other] } });
    expect(config?.args).toEqual([join(extensionPath, manifest.server.entry_point), 'mcp', '--allow', images, other]);

    const image = join(images, 'cat.png');
    await sharp('examples/lawn.jpg').extract({ left: 1_474, top: 0, width: 640, height: 512 }).toFile(image);
    expect(config?.command).toBe('node'); // the one of Claude Desktop
    const env = { PATH: dirname(process.execPath), HOME: home, LOG_LEVEL: 'silent', ...config?.env };
    const transport = new StdioClientTransport({ command: process.execPath, args: config?.args ?? [], env, cwd: home });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    onTestFinished(() => client.close());
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    expect(client.getInstructions()).toContain(images);
    const { structuredContent } = await client.callTool({ name: 'analyze_image', arguments: { image, wait_seconds: 25 } });
    expect(structuredContent).toMatchObject({ status: 'SUCCEEDED', summary: expect.stringContaining('cat') });
  },
);
