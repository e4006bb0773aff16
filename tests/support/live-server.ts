// `tilesight serve` in a process group of its own: a kill reaches it and every process it started.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface LiveServer {
  /** For example `http://127.0.0.1:3333`. */
  origin: string;
  /** Sends SIGKILL to the worker processes only. */
  killWorkers(): void;
  /** Sends SIGKILL to the whole group, and resolves when the server has exited. */
  kill(): Promise<void>;
}

/** Port 0 takes a free port. Images in `images`, by default the examples, can be named. `root` is the repository whose code runs. */
export async function liveServer(
  dataFolder: string,
  port: number,
  root = ROOT,
  images = join(root, 'examples'),
): Promise<LiveServer> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, LOG_LEVEL: 'silent', DETECTION_MODELS: 'onnx:nanodet' };
  const args = [join(root, 'cli/tilesight.ts'), 'serve', '--data', dataFolder, '--allow', images, '--port', String(port)];
  const server = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const kill = async () => {
    killGroup(server);
    await ended;
  };
  onTestFinished(kill);
  const origin = await new Promise<string>((resolve, reject) => {
    let text = '';
    server.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /serves MCP at (\S+)/.exec(text)?.[1];
      if (found) resolve(new URL(found).origin);
    });
    server.once('close', (code) => reject(new Error(`The server exited with code ${code}.`)));
  });
  return {
    origin,
    killWorkers() {
      const children = execFileSync('pgrep', ['-P', String(server.pid)], { encoding: 'utf8' });
      for (const pid of children.trim().split('\n')) process.kill(Number(pid), 'SIGKILL');
    },
    kill,
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has already exited
  }
}
