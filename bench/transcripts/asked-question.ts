// A task for a model of the server: answer a question with evidence, which the agent then checks with its own eyes. The model is scripted;
// it sees only what remains of an image after shrinking to 1,000 px.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { drawImage } from '../ask/drawn-questions.ts';
import { eyesServer } from '../ask/eyes-server.ts';
import type { RecordedClient } from './recorded-client.ts';
import type { Prepared, Task } from './task.ts';

const SIZE = [20_000, 12_000] as const;
const SEED = 20_261_128;

const Answered = z.object({
  execution_id: z.string(),
  status: z.string(),
  answer: z.string().nullable(),
  evidence: z.array(z.object({ id: z.string() })),
});

export const askedQuestion = {
  title: 'Answer a question with evidence',
  async prepare(folder: string): Promise<Prepared> {
    const drawn = await drawImage(join(folder, 'drawn.jpg'), SIZE, SEED);
    const asked = drawn.questions.find(({ kind }) => kind === 'read');
    if (!asked) throw new Error('The image was drawn without a question whose answer must be read.');
    const eyes = await eyesServer();
    const image = pathToFileURL(drawn.path).href;
    return {
      expected: asked.truth,
      environment: { ASK_MODEL: 'openai:eyes', OPENAI_BASE_URL: eyes.baseUrl },
      solve: (client) => answerTo(client, { image, question: asked.text }),
      close: () => eyes.close(),
    };
  },
} satisfies Task;

/** The number in the answer, if it has evidence. */
async function answerTo(client: RecordedClient, question: object): Promise<string | null> {
  for (;;) {
    const { structured } = await client.call('ask_image', { ...question, max_looks: 12, wait_seconds: 25 });
    const { status, answer, evidence, execution_id } = Answered.parse(structured);
    if (status === 'RUNNING') continue;
    const [first] = evidence;
    if (!first) return null;
    await client.call('view_region', { execution_id, finding_id: first.id });
    return answer?.match(/\b\d{4}\b/)?.[0] ?? null;
  }
}
