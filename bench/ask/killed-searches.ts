// Searches whose process is killed again and again: the answers must be the same, and no call of the model may be made again once the result
// of its step was kept.
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { at } from '../../pipeline/contract/at.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { type AnalysisRequest, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { type DrawnQuestion, drawImage, seeded } from './drawn-questions.ts';
import { eyesServer } from './eyes-server.ts';

const SIZE = [9_000, 6_000] as const;
const SEED = 7;
const ANSWER_MS = 150;
/** From a call of the model to the kill of the process: the second call more often than the first, so that every search ends. */
const KILLED_AFTER_MS_MAX = 400;
const CALLS_OF_THREE = [1, 2, 2] as const;
const PROCESS = join(import.meta.dirname, 'search-process.ts');

export async function killedSearches(folder: string, killsWanted: number): Promise<Record<string, number>> {
  const path = join(folder, 'killed.jpg');
  const { questions } = await drawImage(path, SIZE, SEED);
  const random = seeded(SEED);
  let [kills, searches, differing, repeated] = [0, 0, 0, 0];
  const answers = new Map<string, string>();
  for (const { text } of questions) answers.set(text, await searched(folder, path, text, `calm-${answers.size}`, () => null));
  while (kills < killsWanted) {
    const { text }: DrawnQuestion = at(questions, searches % questions.length);
    const counts = { kills: 0, repeated: 0 };
    const answer = await searched(
      folder,
      path,
      text,
      `killed-${searches}`,
      () => ({ call: at(CALLS_OF_THREE, random(3)), ms: random(KILLED_AFTER_MS_MAX) }),
      counts,
    );
    searches++;
    kills += counts.kills;
    repeated += counts.repeated;
    if (answer !== answers.get(text)) differing++;
  }
  return { kills, 'searches-killed': searches, 'answers-that-differ': differing, 'calls-repeated-after-their-step': repeated };
}

/** Starts the process again after each kill, until the question is answered. `killAt` returns `null` for no kill. */
async function searched(
  folder: string,
  image: string,
  text: string,
  name: string,
  killAt: () => { call: number; ms: number } | null,
  counts = { kills: 0, repeated: 0 },
): Promise<string> {
  const data = join(folder, name);
  await mkdir(join(data, 'scratch'), { recursive: true });
  let onCall: (() => void) | null = null;
  let kept = new Set<number>(); // read after each kill: a running engine lets no other process in
  const eyes = await eyesServer({
    answerMs: ANSWER_MS,
    onAsked({ turn }) {
      if (kept.has(turn)) counts.repeated++;
      onCall?.();
    },
  });
  const request = requestOf(image, text);
  try {
    for (;;) {
      const { promise: isAsked, resolve } = Promise.withResolvers<void>();
      const kill = killAt();
      let calls = 0;
      onCall = () => {
        calls++;
        if (calls === kill?.call) resolve();
      };
      const given = JSON.stringify({ folder: data, baseUrl: eyes.baseUrl, request });
      const child = spawn(process.execPath, [PROCESS, given], { stdio: 'inherit' });
      const { promise: ended, resolve: end } = Promise.withResolvers<number | null>();
      child.on('exit', end);
      const killing = isAsked.then(() => sleep(kill?.ms ?? 0));
      const outcome = await Promise.race([ended, killing.then(() => 'kill' as const)]);
      if (outcome !== 'kill') break;
      child.kill('SIGKILL');
      await ended;
      counts.kills++;
      kept = keptTurns(join(data, 'engine.db'));
    }
  } finally {
    eyes.close();
  }
  const stored = await readFile(join(data, 'blobs', keys.findings(request.execution_id)), 'utf8');
  const { answer, findings } = FindingsDocument.parse(JSON.parse(stored));
  return JSON.stringify([answer, findings]);
}

/** Turns whose result the engine has stored. The number of a turn without a look is that of the call, too: these eyes never idle. */
function keptTurns(file: string): Set<number> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('select json from operations').all();
    const operations = rows.map(({ json }) => JSON.parse(String(json)) as { Name?: string; Status?: string });
    const ended = operations.filter(({ Name, Status }) => Name?.startsWith('think-') && Status === 'SUCCEEDED');
    return new Set(ended.map(({ Name = '' }) => Number(Name.slice('think-'.length))));
  } finally {
    database.close();
  }
}

/** As the source of local files names it. */
function versionOf(path: string): string {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs}-${size}`;
}

function requestOf(path: string, text: string): AnalysisRequest {
  return {
    execution_id: 'ask-killed',
    purpose: 'ask',
    image: { source: { kind: 'file', path }, uri: `file://${path}`, version: versionOf(path) },
    page: 1,
    ask: { look_for: text, labels: [] },
    plan: { detail: 'standard', tile_size: 1_024, overlap: 64, grid: null, region: null, max_tiles: null, skip_blank: true },
    max_cost_usd: null,
    retry_of: null,
    owner: null,
    verify: false,
    models: { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    question: { text, model: 'openai:eyes', looks_max: 12, about: null },
  };
}
