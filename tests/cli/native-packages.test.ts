// A native package that is missing or does not fit the system has a sentence of its own: which package, which system, what to do.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { unfitProcessor, withPackageAdvice } from '../../pipeline/contract/native-packages.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';

const SYSTEM = `${process.platform}-${process.arch}`;

/** The environment of processes in which loading a package fails as if it were missing or built for another system. */
async function without(packages: Record<string, { code: string; message: string }>): Promise<Record<string, string>> {
  const preload = join(await temporaryFolder(), 'preload.mjs');
  await writeFile(
    preload,
    `import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      const failure = ${JSON.stringify(packages)}[specifier];
      if (failure) throw Object.assign(new Error(failure.message), { code: failure.code });
      return next(specifier, context);
    } });`,
  );
  return { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` };
}

const UNFIT = {
  code: 'ERR_DLOPEN_FAILED',
  message: 'libonnxruntime.so.1: cannot open shared object file: No such file or directory',
};
const MISSING = { code: 'ERR_MODULE_NOT_FOUND', message: "Cannot find package 'onnxruntime-web' imported from runtime.ts" };

async function smallImage(): Promise<string> {
  const image = join(await temporaryFolder(), 'small.png');
  await sharp({ create: { width: 64, height: 64, channels: 3, background: '#777' } })
    .composite([{ input: { create: { width: 30, height: 30, channels: 3, background: '#fa0' } } }])
    .toFile(image);
  return image;
}

test('an analysis without the runtime of the local models names the package, the system and what to do', {
  timeout: 60_000,
}, async () => {
  const environment = await without({ 'onnxruntime-node': UNFIT, '#onnxruntime-wasm': MISSING });
  const { code, stderr } = await runCommand(['analyze', await smallImage()], { ...environment, LOG_LEVEL: 'silent' });
  expect(code).toBe(1);
  expect(stderr).toContain(
    `The package onnxruntime-node cannot run on this system (${SYSTEM}). The local models need it; it exists for Linux with glibc, ` +
      'macOS on Apple silicon, and Windows. Run `npm ci` on this system, or choose models of another provider',
  );
  expect(stderr).not.toContain('Try again');
});

test('an analysis without the native runtime runs in WebAssembly, and a note says so', async () => {
  const environment = await without({ 'onnxruntime-node': UNFIT });
  const { code, stdout } = await runCommand(['analyze', await smallImage()], { ...environment, LOG_LEVEL: 'silent' });
  expect(code).toBe(0);
  expect(stdout).toContain(
    `The local models ran in WebAssembly, because the native runtime cannot be loaded on this system (${SYSTEM}). They find the same, about 3 times slower.`,
  );
});

test('an analysis that asks for WebAssembly without its package names the package', async () => {
  const environment = { ...(await without({ '#onnxruntime-wasm': MISSING })), ONNX_EXECUTION_PROVIDER: 'wasm' };
  const { code, stderr } = await runCommand(['analyze', await smallImage()], { ...environment, LOG_LEVEL: 'silent' });
  expect(code).toBe(1);
  expect(stderr).toContain(
    'The WebAssembly of the local models is not installed. Add it with `npm install @tilesight/onnxruntime-wasm` (in a clone `npm ci`), or unset ONNX_EXECUTION_PROVIDER.',
  );
});

test('a server without the package that reads images does not start, and says why in one sentence', async () => {
  const environment = await without({
    sharp: { code: 'ERR_MODULE_NOT_FOUND', message: "Cannot find package 'sharp' imported from cut-out.ts" },
  });
  const { code, stdout, stderr } = await runCommand(['serve', '--port', '0'], environment);
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr:
      `tilesight: The package sharp cannot run on this system (${SYSTEM}). Reading images needs it. ` +
      'Run `npm ci` on this system; node_modules from another system do not work.\n',
  });
});

describe('an error of a loader', () => {
  const system = { platform: 'darwin', arch: 'x64' };

  test.each([
    [
      'onnxruntime-node',
      {
        code: 'MODULE_NOT_FOUND',
        message: "Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'\n- onnxruntime-node",
      },
    ],
    ['sharp', { message: 'Could not load the "sharp" module using the darwin-x64 runtime\nPossible solutions:\n- npm install' }],
    ['sharp', { code: 'ERR_DLOPEN_FAILED', message: 'libvips-cpp.so.8.17: cannot open shared object file' }],
  ])('of %s becomes a sentence', (name, { message, ...more }) => {
    const advised = withPackageAdvice(new Error('outer', { cause: Object.assign(new Error(message), more) }), system);
    expect(advised).toMatchObject({ name: 'UserError' });
    expect(String(advised)).toContain(`The package ${name} cannot run on this system (darwin-x64). `);
  });

  test('of another package stays as it is', () => {
    const error = Object.assign(new Error("Cannot find package 'zod'"), { code: 'ERR_MODULE_NOT_FOUND' });
    expect(withPackageAdvice(error)).toBe(error);
    const unrelated = new Error('onnxruntime failed');
    expect(withPackageAdvice(unrelated)).toBe(unrelated);
  });

  test('of a processor without the needed instructions has the same sentence', () => {
    const { message } = unfitProcessor(new Error('SIGILL'), system);
    expect(message).toContain('The package onnxruntime-node cannot run on this system');
    expect(message).toContain('Set ONNX_EXECUTION_PROVIDER=wasm');
  });
});
