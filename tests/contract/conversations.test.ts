// A search for an answer in the wire format of each provider: calls of tools and their results, and forms where there are no tools.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Action } from '../../pipeline/contract/questions/search-turn.ts';
import type { Jpeg, SearchedTurn, SearchMaterial } from '../../pipeline/ports.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { anthropicServer, message, toolCall } from '../support/anthropic-server.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { answer as bedrockAnswer, bedrockServer, toolUse } from '../support/bedrock-server.ts';
import { greyNoise } from '../support/grey-image.ts';
import { completion, type OpenaiReply, openaiServer } from '../support/openai-server.ts';

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

const TOOLS = ['zoom', 'find', 'read', 'answer'] as const;
/** A model of thousandths: a box of image 1, which is [2000, 1000, 500, 400] of the full image. */
const CALL = { note: 'Something.', image: 1, left: 0, top: 0, right: 500, bottom: 500, regions: [] };
const PIXEL_CALL = { ...CALL, right: 250, bottom: 200 };

const jpegOf = async (width: number, height: number): Promise<Jpeg> => ({ bytes: await greyNoise(width, height), width, height });

async function material(more: Partial<SearchMaterial> = {}): Promise<SearchMaterial> {
  const overview: Jpeg = await jpegOf(800, 600);
  const zoomed: Action = { tool: 'zoom', note: 'First.', image: 0, box: [2_000, 1_000, 500, 400], regions: [] };
  const turn: SearchedTurn = {
    action: zoomed,
    reply: null,
    look: {
      number: 1,
      box: [2_000, 1_000, 500, 400],
      width: 500,
      height: 400,
      seen: null,
      seen_total: 0,
      jpeg: await jpegOf(500, 400),
    },
    person: null,
  };
  return {
    question: 'Which color </question> has it?',
    image: { width: 8_000, height: 6_000 },
    overview,
    turns: [turn],
    tools: TOOLS,
    looksLeft: 5,
    waiting: 0,
    ...more,
  };
}

const calling = (name: string, input: object): OpenaiReply => ({
  body: {
    choices: [
      {
        finish_reason: 'tool_calls',
        message: {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name, arguments: JSON.stringify(input) } }],
        },
      },
    ],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  },
});

const ZOOM: Partial<Action> = { tool: 'zoom', note: 'Something.', image: 1, box: [2_000, 1_000, 250, 200] };

describe('openai:', () => {
  test('offers tools, forces a call, and sends the image of a result in a message after it', async () => {
    const { baseUrl, requests } = await openaiServer(calling('zoom', CALL));
    const { action, usage } = await asked(openaiVision({ baseUrl, apiKey: null }), 'openai:eyes');
    expect(action).toMatchObject(ZOOM);
    expect(usage).toMatchObject({ input_tokens: 10, output_tokens: 5 });
    const [{ body }] = requests as unknown as [{ body: Record<string, unknown> & { messages: object[]; tools: object[] } }];
    expect(body).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false });
    expect(body).not.toHaveProperty('response_format');
    expect(body.tools).toMatchObject(TOOLS.map((name) => ({ type: 'function', function: { name, strict: true } })));
    expect(body.messages.slice(1)).toMatchObject([
      {
        role: 'user',
        content: [
          { type: 'image_url' },
          { type: 'text', text: expect.stringContaining('Image 0 is the whole image of 8000 x 6000 pixels, scaled to 10 %.') },
        ],
      },
      {
        role: 'assistant',
        tool_calls: [
          { id: 'call_1', function: { name: 'zoom', arguments: expect.stringContaining('"left":250,"top":167,"right":313') } },
        ],
      },
      {
        role: 'tool',
        tool_call_id: 'call_1',
        content: expect.stringContaining(
          'This is image 1: the box [2000, 1000, 500, 400] of the full image, at full resolution.',
        ),
      },
      { role: 'user', content: [{ type: 'image_url' }, { type: 'text' }] },
    ]);
    // The question is data that cannot end its block.
    expect(JSON.stringify(body.messages[1])).toContain('Which color \\\\u003c/question\\\\u003e has it?');
  });

  test('asks a model without tools by one form, and says so once', async () => {
    const refused = { status: 400, message: 'registry.example/llava does not support tools' } as const;
    const { baseUrl, requests } = await openaiServer(refused, completion({ content: JSON.stringify({ tool: 'zoom', ...CALL }) }));
    const vision = openaiVision({ baseUrl, apiKey: null });
    const { action, notes } = await asked(vision, 'openai:eyes');
    expect(action).toMatchObject(ZOOM);
    expect(notes).toEqual(['openai:eyes refuses tools; the next step is a form instead.']);
    expect(requests[1]?.body.response_format.json_schema.name).toBe('next_step');
    expect(requests[1]?.body.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    await asked(vision, 'openai:eyes');
    expect(requests).toHaveLength(3);
  });

  test('gets the form from a model that calls none of its tools', async () => {
    const { baseUrl, requests } = await openaiServer(
      completion({ content: 'I would zoom in.' }),
      completion({ content: JSON.stringify({ tool: 'zoom', ...CALL }) }),
    );
    const { action } = await asked(openaiVision({ baseUrl, apiKey: null }), 'openai:eyes');
    expect(action).toMatchObject(ZOOM);
    expect(requests[1]?.body.response_format.json_schema.name).toBe('next_step');
  });

  test.each([
    ['a tool that is not offered', calling('delete_everything', CALL)],
    ['no JSON', completion({ content: 'Ignore the tools.' })],
  ])('ends with a sentence after %s twice', async (_, reply) => {
    const { baseUrl } = await openaiServer(reply);
    await expect(asked(openaiVision({ baseUrl, apiKey: null }), 'openai:eyes')).rejects.toThrow(
      'No next step from openai:eyes: the answer was invalid twice. Choose another model, or check that this one accepts images.',
    );
  });

  test('takes the first of several calls', async () => {
    const several = calling('zoom', CALL) as { body: { choices: { message: { tool_calls: object[] } }[] } };
    several.body.choices[0]?.message.tool_calls.push({
      id: 'd',
      type: 'function',
      function: { name: 'answer', arguments: '{"text":"Red."}' },
    });
    const { baseUrl } = await openaiServer(several);
    expect((await asked(openaiVision({ baseUrl, apiKey: null }), 'openai:eyes')).action).toMatchObject(ZOOM);
  });
});

test('anthropic: sends results with their images as tool results, and marks the last one for the prompt cache', async () => {
  const { baseUrl, requests } = await anthropicServer(
    toolCall('zoom', PIXEL_CALL),
    message([{ type: 'text', text: 'Well.' }], 'end_turn'),
  );
  const vision = anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' });
  expect((await asked(vision, 'anthropic:claude-sonnet-5')).action).toMatchObject(ZOOM);
  const [{ body }] = requests as [(typeof requests)[number]];
  expect(body.tool_choice).toEqual({ type: 'any', disable_parallel_tool_use: true });
  expect(body.tools.map(({ name }) => name)).toEqual([...TOOLS]);
  expect(body.messages).toMatchObject([
    { role: 'user' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'zoom', input: { note: 'First.', image: 0 } }] },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'call_1',
          content: [{ type: 'image' }, { type: 'text' }],
          cache_control: { type: 'ephemeral' },
        },
      ],
    },
  ]);
  await expect(asked(vision, 'anthropic:claude-sonnet-5')).rejects.toThrow('No next step from anthropic:claude-sonnet-5');
  expect(JSON.stringify(requests.at(-1)?.body.messages)).toContain('Call exactly one of the tools, and write nothing else.');
});

describe('bedrock:', () => {
  test('sends results and their images beside each other', async () => {
    const { endpoint, requests } = await bedrockServer(toolUse('zoom', CALL));
    expect((await asked(bedrockVision({ endpoint }), 'bedrock:us.amazon.nova-lite-v1:0')).action).toMatchObject(ZOOM);
    const [{ body }] = requests as unknown as [{ body: Record<string, unknown> }];
    expect(body).toMatchObject({
      toolConfig: { toolChoice: { any: {} }, tools: TOOLS.map((name) => ({ toolSpec: { name } })) },
      messages: [
        { role: 'user' },
        { role: 'assistant', content: [{ toolUse: { toolUseId: 'call_1', name: 'zoom' } }] },
        { role: 'user', content: [{ toolResult: { toolUseId: 'call_1' } }, { image: { format: 'jpeg' } }] },
      ],
    });
  });

  test('asks a model without tools by one form in its instructions', async () => {
    const refused = { error: 'ValidationException', status: 400, message: "This model doesn't support tool use." };
    const form = bedrockAnswer([{ text: JSON.stringify({ tool: 'zoom', ...CALL }) }], 'end_turn');
    const { endpoint, requests } = await bedrockServer(refused, form);
    expect((await asked(bedrockVision({ endpoint }), 'bedrock:us.amazon.nova-lite-v1:0')).action).toMatchObject(ZOOM);
    expect(requests[1]?.body).not.toHaveProperty('toolConfig');
    expect(requests[1]?.body.system[0]?.text).toContain('"enum":["zoom","find","read","answer"]');
    expect(requests[1]?.body.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  test('has an answer as the only tool at the end', async () => {
    const evidence = [
      { ...CALL, label: 'valve', text: '' },
      { ...CALL, label: 'far', image: 9 },
    ];
    const input = { note: '', text: 'Red.', found: true, confidence: '90%', evidence };
    const { endpoint, requests } = await bedrockServer(toolUse('answer', input));
    const { action } = await asked(bedrockVision({ endpoint }), 'bedrock:us.amazon.nova-lite-v1:0', {
      tools: ['answer'],
      looksLeft: 0,
    });
    expect(action).toEqual({
      tool: 'answer',
      note: '',
      text: 'Red.',
      found: true,
      confidence: 0.9,
      evidence: [{ label: 'valve', text: null, image: 1, box: [2_000, 1_000, 250, 200] }],
      outside: 1,
    });
    expect(JSON.stringify(requests[0]?.body.messages)).toContain('No look is left. Answer now with what you know.');
  });
});

async function asked(vision: ReturnType<typeof openaiVision>, model: string, more: Partial<SearchMaterial> = {}) {
  if (!vision.nextAction) throw new Error('Expected a model that answers questions.');
  return await vision.nextAction(model, await material(more));
}
