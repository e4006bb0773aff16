// What a caller reads when a request has been answered or has failed. The one place that turns errors into sentences.
import type { CallToolResult } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { causesOf } from '../../pipeline/contract/causes.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import type { ToolDeps } from '../access/deps.ts';
import type { ImageAnswer, ImagesAnswer } from '../tools/define.ts';

/** Some clients show the model only `structuredContent`, some only text: both hold the same. */
export function answerWith(answer: Record<string, unknown>): CallToolResult {
  return { structuredContent: answer, content: [{ type: 'text', text: JSON.stringify(answer) }] };
}

export function answerWithImages(answer: ImageAnswer | ImagesAnswer): CallToolResult {
  const parts = 'parts' in answer ? answer.parts : [answer, answer.words];
  return {
    content: parts.map((part) =>
      typeof part === 'string'
        ? { type: 'text', text: part }
        : { type: 'image', data: Buffer.from(part.image).toString('base64'), mimeType: part.mimeType },
    ),
  };
}

const AnyAnswer = z.record(z.string(), z.unknown());
const WithNotes = z.object({ notes: z.array(z.string()) });

/** Notes join those of an answer that has some; otherwise they are text behind the answer, which clients read as JSON. */
export function withNotes(result: CallToolResult, notes: readonly string[]): CallToolResult {
  if (notes.length === 0) return result;
  const answer = AnyAnswer.safeParse(result.structuredContent).data;
  const own = WithNotes.safeParse(answer).data?.notes;
  if (answer && own) return answerWith({ ...answer, notes: [...notes, ...own] });
  return { ...result, content: [...result.content, { type: 'text', text: `Note: ${notes.join(' ')}` }] };
}

export function refuseWith(sentence: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text: sentence }] };
}

/** Only our own sentences leave the deployment. Everything else goes to the log: the causes of a refusal, and
 * an unexpected error under the reference that the sentence gives. */
export function sentenceFor(request: object, error: unknown, { log }: ToolDeps): string {
  const sentence = sentenceOf(error);
  if (sentence !== null) {
    log.warn({ ...request, causes: causesOf(error) }, 'A request was refused.');
    return sentence;
  }
  const reference = crypto.randomUUID().slice(0, 8);
  log.error({ error, ...request, reference }, 'A request failed unexpectedly.');
  return `Internal error (reference ${reference}). Try again; if it fails again, the server log has the cause under this reference.`;
}
