// Vision by models on Amazon Bedrock, `bedrock:<model or inference profile id>`: the Converse API, with the form as a tool. Knows only
// this wire format; llm-vision.ts knows the questions. Region and credentials come from the SDK's own chain.
import type {
  ConverseCommandInput,
  Message,
  SystemContentBlock,
  ToolConfiguration,
  ToolInputSchema,
} from '@aws-sdk/client-bedrock-runtime';
import type { ModelId } from '../../contract/schemas.ts';
import type { Vision } from '../../ports.ts';
import { modelName } from '../../providers/profile-of.ts';
import { bedrockReply } from './bedrock-answers.ts';
import { bedrockError, imageRefusalOf, isMalformedToolUse } from './bedrock-errors.ts';
import { BEDROCK_REFUSALS, type Setting } from './bedrock-settings.ts';
import { type LlmOptions, llmVision } from './llm-vision.ts';
import { type Form, idAtProvider, imageRefused, type Model, NO_TOKENS, type Question } from './model.ts';
import { thinkingFields, withThoughts } from './requests/claude-thinking.ts';
import { inWords } from './requests/folded-question.ts';
import { jsonSchemaOf } from './requests/json-schema.ts';
import { type Concessions, refusedSettings } from './requests/refused-settings.ts';
import { bedrockTurns } from './turns/bedrock-turns.ts';

export interface BedrockVisionOptions extends LlmOptions {
  /** Instead of the region's own endpoint, for example a VPC endpoint. */
  endpoint?: string;
  /** For one question; CALL_TIMEOUT_MS by default. */
  timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 300_000; // 12,288 tokens with thoughts at 50 a second take 246 s
const ATTEMPTS_MAX = 1; // throttled-vision.ts slows down and repeats, and steps repeat after faults: a second brake would hide both

/**
 * Models that keep a part of the prompt, marked by a cache point, and are likely to gain by it: Nova keeps no less than 1,000 tokens, and
 * the rules have about 600. docs.aws.amazon.com, Amazon Bedrock, "Prompt caching"
 */
const CACHING = /^claude/;
/** Models that think unless they are asked not to. */
const THINKING = /^claude-(?:[a-z]+-)?[5-9]/;

/** The client is loaded on first use. */
export function bedrockVision(options: BedrockVisionOptions = {}): Vision {
  let converse: Promise<Converse> | undefined;
  const withoutRefused = refusedSettings(BEDROCK_REFUSALS);
  const model: Model = async (model, question) => {
    converse ??= load(options);
    const send = await converse;
    try {
      const { answer, asked, notes } = await withoutRefused(model, (asked) => send(inputOf(model, question, asked)));
      const tools = asked.without.has('tools') ? null : toolsOf(question).map(({ name }) => name);
      const expected = { tools, namesCalls: question.conversation !== undefined, complaint: callTheTool(question) };
      return { ...bedrockReply(answer, expected, model), notes };
    } catch (error) {
      if (isMalformedToolUse(error)) {
        return { kind: 'malformed', text: '', complaint: callTheTool(question), cause: error, tokens: NO_TOKENS };
      }
      const refusal = imageRefusalOf(error);
      if (refusal) return imageRefused(refusal.why, refusal.cause);
      throw bedrockError(error, model);
    }
  };
  return llmVision(model, options);
}

type Converse = (input: ConverseCommandInput) => Promise<unknown>;

async function load({ endpoint, timeoutMs = CALL_TIMEOUT_MS }: BedrockVisionOptions): Promise<Converse> {
  const { BedrockRuntimeClient, ConverseCommand } = await import('@aws-sdk/client-bedrock-runtime');
  const client = new BedrockRuntimeClient({
    retryMode: 'standard',
    maxAttempts: ATTEMPTS_MAX,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  return (input) => client.send(new ConverseCommand(input), { abortSignal: AbortSignal.timeout(timeoutMs) });
}

function inputOf(model: ModelId, question: Question, { without, answerTokensMax }: Concessions<Setting>): ConverseCommandInput {
  const { image, form, repair, conversation } = question;
  const { system, user } = inWords(question, { withoutSystem: without.has('system'), formInWords: without.has('tools') });
  const block = { format: 'jpeg' as const, source: { bytes: image.bytes } };
  const messages: Message[] = [{ role: 'user', content: [{ image: block }, { text: user }] }];
  if (conversation) messages.push(...bedrockTurns(conversation, { asCalls: !without.has('tools') }));
  if (repair) {
    const answer = repair.answer.trim() === '' ? '(nothing)' : repair.answer; // Converse refuses an empty text
    messages.push({ role: 'assistant', content: [{ text: answer }] }, { role: 'user', content: [{ text: repair.complaint }] });
  }
  const thinks = THINKING.test(modelName(model));
  const maxTokens = thinks ? withThoughts(answerTokensMax, without) : answerTokensMax;
  const fields = thinks ? thinkingFields(without) : {};
  return {
    modelId: idAtProvider(model),
    ...(system === null ? {} : { system: systemOf(model, system, form, without) }),
    messages,
    inferenceConfig: { maxTokens, ...(without.has('temperature') ? {} : { temperature: 0 }) },
    ...(without.has('tools') ? {} : { toolConfig: toolConfigOf(question, without) }),
    ...(Object.keys(fields).length === 0 ? {} : { additionalModelRequestFields: { ...fields } }),
  };
}

/** A cache point ends the part that is the same for all tiles: the tools, which go first, and the rules. */
function systemOf(model: ModelId, text: string, form: Form, without: ReadonlySet<Setting>): SystemContentBlock[] {
  const isCached = form.isSentOften && CACHING.test(modelName(model)) && !without.has('cache');
  return isCached ? [{ text }, { cachePoint: { type: 'default' } }] : [{ text }];
}

/** Those of a conversation, or the one that holds the form. */
function toolsOf({ form, conversation }: Question): readonly Form[] {
  return conversation?.tools ?? [form];
}

function toolConfigOf(question: Question, without: ReadonlySet<Setting>): ToolConfiguration {
  const tools = toolsOf(question).map(({ name, description, schema }) => ({
    toolSpec: { name, description, inputSchema: { json: jsonSchemaOf(schema, { closed: false }) } as ToolInputSchema },
  }));
  const choice = question.conversation ? { any: {} } : { tool: { name: question.form.name } };
  return { tools, ...(without.has('toolChoice') ? {} : { toolChoice: choice }) };
}

function callTheTool({ form, conversation }: Question): string {
  return conversation
    ? 'Call exactly one of the tools, and write nothing else.'
    : `Call the tool "${form.name}" exactly once, and write nothing else.`;
}
