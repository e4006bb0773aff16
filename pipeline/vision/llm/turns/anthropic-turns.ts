// A conversation in the messages of the Messages API: calls of tools, and their results with images.
import type Anthropic from '@anthropic-ai/sdk';
import { type Conversation, callId } from '../model.ts';

/** `cached` marks the last result: the next request has the same beginning. */
export function anthropicTurns(
  { exchanges }: Conversation,
  cached: Anthropic.CacheControlEphemeral | null,
): Anthropic.MessageParam[] {
  return exchanges.flatMap(({ call, words, image }, index): Anthropic.MessageParam[] => {
    const data = image && Buffer.from(image.bytes).toString('base64');
    const content: Anthropic.ToolResultBlockParam['content'] = [{ type: 'text', text: words }];
    if (data !== null) content.unshift({ type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data } });
    const result: Anthropic.ToolResultBlockParam = { type: 'tool_result', tool_use_id: callId(index), content };
    if (cached && index === exchanges.length - 1) result.cache_control = cached;
    return [
      { role: 'assistant', content: [{ type: 'tool_use', id: callId(index), name: call.tool, input: call.input }] },
      { role: 'user', content: [result] },
    ];
  });
}
