// Vision by models on Amazon Bedrock, `bedrock:<model or inference profile id>`: the Converse API, with the form as a tool. Knows only
// this wire format; llm-vision.ts knows the questions. Region and credentials come from the SDK's own chain.
import type { ConverseCommandInput, Message, ToolInputSchema } from '@aws-sdk/client-bedrock-runtime';
import { z } from 'zod';
import { TransientError } from '../../contract/errors.ts';
import type { Vision } from '../../ports.ts';
import { bedrockError, imageRefusalOf, isMalformedToolUse } from './bedrock-errors.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { llmVision, type Profiles, registeredProfiles } from './llm-vision.ts';
import { ANSWER_TOKENS_MAX, idAtProvider, imageRefused, type Model, NO_TOKENS, type Question, type Reply } from './model.ts';
import { withoutRefused } from './refused-settings.ts';

export interface BedrockVisionOptions {
  /** Those of the registry by default. */
  profiles?: Profiles;
  /** Instead of the region's own endpoint, for example a VPC endpoint. */
  endpoint?: string;
  /** For one question with its retry; CALL_TIMEOUT_MS by default. */
  timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 120_000; // 4,096 tokens at 50 a second take 82 s
const ATTEMPTS_MAX = 2; // throttled-vision.ts slows down and repeats; the SDK only bridges one fault

/** Settings that some models refuse. */
type Setting = 'temperature' | 'toolChoice';

const Answer = z.object({
  stopReason: z.string(),
  output: z.object({
    message: z.object({
      content: z.array(
        z.object({ text: z.string().optional(), toolUse: z.object({ name: z.string(), input: z.unknown() }).optional() }),
      ),
    }),
  }),
  usage: z.object({ inputTokens: z.number().int().nonnegative(), outputTokens: z.number().int().nonnegative() }),
});
type Answer = z.infer<typeof Answer>;

const REFUSALS = ['content_filtered', 'guardrail_intervened', 'refusal'];
const CUTS = ['max_tokens', 'model_context_window_exceeded'];

/** The client is loaded on first use. */
export function bedrockVision(options: BedrockVisionOptions = {}): Vision {
  let converse: Promise<Converse> | undefined;
  const refusedByModel = new Map<string, Set<Setting>>();
  const model: Model = async (model, question) => {
    converse ??= load(options);
    const send = await converse;
    const id = idAtProvider(model);
    const refused = refusedByModel.get(id) ?? new Set();
    refusedByModel.set(id, refused);
    try {
      const sent = await withoutRefused(refused, refusedBy, (without) => send(inputOf(id, question, without)));
      return replyOf(parsed(sent, model), question);
    } catch (error) {
      if (isMalformedToolUse(error)) {
        return { kind: 'malformed', text: '', complaint: callTheTool(question), cause: error, tokens: NO_TOKENS };
      }
      const refusal = imageRefusalOf(error);
      if (refusal) return imageRefused(refusal.why, refusal.cause);
      throw bedrockError(error, model);
    }
  };
  return llmVision(model, options.profiles ?? registeredProfiles);
}

type Converse = (input: ConverseCommandInput) => Promise<unknown>;

async function load({ endpoint, timeoutMs = CALL_TIMEOUT_MS }: BedrockVisionOptions): Promise<Converse> {
  const { BedrockRuntimeClient, ConverseCommand } = await import('@aws-sdk/client-bedrock-runtime');
  const client = new BedrockRuntimeClient({
    retryMode: 'adaptive',
    maxAttempts: ATTEMPTS_MAX,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  return (input) => client.send(new ConverseCommand(input), { abortSignal: AbortSignal.timeout(timeoutMs) });
}

function inputOf(
  id: string,
  { system, user, image, form, repair }: Question,
  without: ReadonlySet<Setting>,
): ConverseCommandInput {
  const block = { format: 'jpeg' as const, source: { bytes: image.bytes } };
  const messages: Message[] = [{ role: 'user', content: [{ image: block }, { text: user }] }];
  if (repair) {
    const answer = repair.answer.trim() === '' ? '(nothing)' : repair.answer; // Converse refuses an empty text
    messages.push({ role: 'assistant', content: [{ text: answer }] }, { role: 'user', content: [{ text: repair.complaint }] });
  }
  const { name, description } = form;
  const inputSchema = { json: jsonSchemaOf(form.schema, { closed: false }) } as ToolInputSchema;
  return {
    modelId: id,
    system: [{ text: system }],
    messages,
    inferenceConfig: { maxTokens: ANSWER_TOKENS_MAX, ...(without.has('temperature') ? {} : { temperature: 0 }) },
    toolConfig: {
      tools: [{ toolSpec: { name, description, inputSchema } }],
      ...(without.has('toolChoice') ? {} : { toolChoice: { tool: { name } } }),
    },
  };
}

/** The setting that the service complains about, by its message. */
function refusedBy(error: unknown): Setting | null {
  if (!(error instanceof Error) || error.name !== 'ValidationException') return null;
  if (/temperature/i.test(error.message)) return 'temperature';
  return /tool_?choice/i.test(error.message) ? 'toolChoice' : null;
}

function parsed(sent: unknown, model: string): Answer {
  const { success, data, error } = Answer.safeParse(sent);
  if (success) return data;
  throw new TransientError(`The model ${model} sent an answer that is not a Converse response. Try again.`, { cause: error });
}

function replyOf({ stopReason, output, usage }: Answer, question: Question): Reply {
  const tokens = { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens };
  const { content } = output.message;
  const cause = new Error(`${stopReason}: ${JSON.stringify(content)}`);
  if (REFUSALS.includes(stopReason)) return { kind: 'refused', cause, tokens };
  const calls = content.flatMap(({ toolUse }) => (toolUse?.name === question.form.name ? [toolUse] : []));
  const inputs = calls.map(({ input }) => (input === undefined ? '' : JSON.stringify(input)));
  const text = calls.length > 0 ? inputs.join('\n') : content.flatMap((block) => block.text ?? []).join('');
  if (CUTS.includes(stopReason)) return { kind: 'cut-off', text, cause, tokens };
  if (calls.length > 0) return { kind: 'filled', text, severalCalls: calls.length > 1, tokens };
  return { kind: 'malformed', text, complaint: callTheTool(question), tokens };
}

function callTheTool({ form }: Question): string {
  return `Call the tool "${form.name}" exactly once, and write nothing else.`;
}
