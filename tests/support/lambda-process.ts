// A function as Lambda runs it: its own process and environment, with the handler of a folder.
import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Stands in for Lambda's runtime, beside the bundle. */
const RUNTIME = `
import { handler } from './index.mjs';
process.on('message', async ({ id, event, deadlineMs }) => {
  const context = { awsRequestId: String(id), getRemainingTimeInMillis: () => deadlineMs - Date.now() };
  try {
    process.send({ id, answer: await handler(event, context) });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});`;

interface Said {
  id: number;
  answer?: unknown;
  error?: string;
}

/** Calls `handler` of `folder`/index.mjs with an event. The process ends with the test. */
export async function lambdaProcess(folder: string, environment: Record<string, string>, timeoutMs: number) {
  await writeFile(join(folder, 'runtime.mjs'), RUNTIME);
  // biome-ignore lint/style/noProcessEnv: a child needs the path of this process.
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const child = fork(join(folder, 'runtime.mjs'), { cwd: folder, env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on('message', ({ id, answer, error }: Said) => {
    if (error === undefined) waiting.get(id)?.resolve(answer);
    else waiting.get(id)?.reject(new Error(error));
    waiting.delete(id);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values())
      reject(new Error(`The process ended before it answered, with ${code}:\n${stderr}`));
  });
  let invocations = 0;
  return async (event: object): Promise<unknown> => {
    const id = ++invocations;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    child.send({ id, event, deadlineMs: Date.now() + timeoutMs });
    return await answer.promise;
  };
}
