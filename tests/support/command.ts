// Runs the command line as a person would, in a process of its own, with a temporary folder that can be looked into afterwards.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folder.ts';
import { processesWith } from './stdio-command.ts';

const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));

/** Commands that write into a folder of the current one unless --out names another. */
const WRITES = ['analyze', 'evaluate'];

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
  /** What was left in the folder for temporary files; compile caches aside. */
  left: string[];
  out: string;
}

export interface Running {
  process: ChildProcess;
  /** Resolves when `text` has been printed on standard error. */
  says(text: string): Promise<void>;
  outcome: Promise<Outcome>;
  /** Ids of the processes that it started and that still run; on Linux. */
  processes(): Promise<number[]>;
}

export async function startCommand(args: string[], environment: Record<string, string> = {}): Promise<Running> {
  const [temporary, out] = [await temporaryFolder(), join(await temporaryFolder(), 'out')];
  const TILESIGHT_HOME = await temporaryFolder();
  const env = {
    // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
    ...process.env,
    TMPDIR: temporary,
    TILESIGHT_HOME,
    LOG_LEVEL: 'info',
    DETECTION_MODELS: 'onnx:nanodet',
    ...environment,
  };
  const child = spawn(
    process.execPath,
    [CLI, ...args, ...(WRITES.includes(args[0] ?? '') && !args.includes('--out') ? ['--out', out] : [])],
    { env },
  );
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    for (const listener of listeners) listener();
  });
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  child.once('error', reject).once('close', async (code) => {
    const left = (await readdir(temporary)).filter((name) => name !== 'node-compile-cache');
    resolve({ code, stdout, stderr, left, out });
  });
  const says = (text: string) =>
    new Promise<void>((heard) => {
      const listen = () => {
        if (!stderr.includes(text)) return;
        listeners.delete(listen);
        heard();
      };
      listeners.add(listen);
      listen();
    });
  return { process: child, says, outcome: promise, processes: () => processesWith(temporary) };
}

export async function runCommand(args: string[], environment?: Record<string, string>): Promise<Outcome> {
  return await (await startCommand(args, environment)).outcome;
}
