// A conversation in the messages of OpenAI's chat API: as calls of tools, or as forms in the text where a model has no tools.
import type OpenAI from 'openai';
import { type Conversation, callAsForm, callId } from '../model.ts';
import type { Setting } from '../openai-settings.ts';
import { jsonSchemaOf } from '../requests/json-schema.ts';

type Message = OpenAI.Chat.ChatCompletionMessageParam;
type Input = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

/** A result of a tool is text: its image goes into a message of the user after it. */
export function openaiTurns(
  { exchanges }: Conversation,
  { asCalls, detail }: { asCalls: boolean; detail: { detail?: 'high' } },
): Message[] {
  return exchanges.flatMap(({ call, words, image }, index): Message[] => {
    const text = { type: 'text', text: words } as const;
    const url = image && `data:image/jpeg;base64,${Buffer.from(image.bytes).toString('base64')}`;
    const shown = url === null ? [] : [{ type: 'image_url' as const, image_url: { url, ...detail } }];
    if (!asCalls) {
      return [
        { role: 'assistant', content: callAsForm(call) },
        { role: 'user', content: [...shown, text] },
      ];
    }
    const id = callId(index);
    const called = { id, type: 'function' as const, function: { name: call.tool, arguments: JSON.stringify(call.input) } };
    const messages: Message[] = [
      { role: 'assistant', content: null, tool_calls: [called] },
      { role: 'tool', tool_call_id: id, content: words },
    ];
    if (shown.length > 0)
      messages.push({ role: 'user', content: [...shown, { type: 'text', text: 'The image of this result.' }] });
    return messages;
  });
}

export function openaiTools(
  { tools }: Conversation,
  without: ReadonlySet<Setting>,
): Pick<Input, 'tools' | 'tool_choice' | 'parallel_tool_calls'> {
  return {
    tools: tools.map(({ name, description, schema }) => {
      const parameters = { ...jsonSchemaOf(schema, { closed: !without.has('additionalProperties') }) };
      const strict = without.has('strict') ? {} : { strict: true };
      return { type: 'function', function: { name, description, parameters, ...strict } };
    }),
    ...(without.has('toolChoice') ? {} : { tool_choice: 'required' as const }),
    ...(without.has('parallel') ? {} : { parallel_tool_calls: false }),
  };
}
