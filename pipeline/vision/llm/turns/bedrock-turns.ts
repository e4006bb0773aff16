// A conversation in the messages of Converse: as calls of tools, or as forms in the text where a model has no tools.
import type { Message, ToolUseBlock } from '@aws-sdk/client-bedrock-runtime';
import { type Conversation, callAsForm, callId } from '../model.ts';

/** An image goes beside the result: not every model accepts one within it. */
export function bedrockTurns({ exchanges }: Conversation, { asCalls }: { asCalls: boolean }): Message[] {
  return exchanges.flatMap(({ call, words, image }, index): Message[] => {
    const shown = image ? [{ image: { format: 'jpeg' as const, source: { bytes: image.bytes } } }] : [];
    if (!asCalls) {
      return [
        { role: 'assistant', content: [{ text: callAsForm(call) }] },
        { role: 'user', content: [...shown, { text: words }] },
      ];
    }
    const toolUseId = callId(index);
    const input = call.input as ToolUseBlock['input'];
    return [
      { role: 'assistant', content: [{ toolUse: { toolUseId, name: call.tool, input } }] },
      { role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: words }] } }, ...shown] },
    ];
  });
}
