// Reads a request of OpenAI's chat API as a model gets it: the question, the images with their places, the tools, its own last note.
import { z } from 'zod';

export interface ShownImage {
  number: number;
  /** In pixels of the full image. */
  box: readonly [left: number, top: number, width: number, height: number];
  jpeg: Buffer;
}

export interface Conversation {
  question: string;
  tools: string[];
  /** The overview first. */
  images: ShownImage[];
  lastNote: string;
  /** How often the model was asked before. */
  turn: number;
}

const Part = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }) }),
]);
const Request = z.object({
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.union([z.string(), z.array(Part)]).nullish(),
      tool_calls: z.array(z.object({ function: z.object({ arguments: z.string() }) })).optional(),
    }),
  ),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
  response_format: z.looseObject({}).optional(),
});

const CAPTION = /This is image (\d+): the box \[([\d, ]+)\]/;

export function conversationIn(body: unknown): Conversation {
  const { messages, tools, response_format } = Request.parse(body);
  const images: ShownImage[] = [];
  let [question, lastNote, words, turn] = ['', '', '', 0];
  for (const { role, content, tool_calls } of messages) {
    if (role === 'system') continue;
    if (role === 'assistant') {
      turn++;
      const sent = tool_calls?.[0]?.function.arguments ?? (typeof content === 'string' ? content : '{}');
      lastNote = z.object({ note: z.string().default('') }).parse(JSON.parse(sent)).note || lastNote;
      continue;
    }
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : (content ?? []);
    const text = parts.flatMap((part) => (part.type === 'text' ? part.text : [])).join('\n');
    if (CAPTION.test(text)) words = text;
    const asked = /<question>\n(.*)\n<\/question>/.exec(text)?.[1];
    if (asked !== undefined) question = z.object({ question: z.string() }).parse(JSON.parse(asked)).question;
    for (const part of parts) {
      if (part.type !== 'image_url') continue;
      const jpeg = Buffer.from(part.image_url.url.slice(part.image_url.url.indexOf(',') + 1), 'base64');
      images.push({ ...placeOf(images.length === 0 ? text : words), jpeg });
    }
  }
  const named = tools?.map((tool) => tool.function.name) ?? formTools(response_format);
  return { question, tools: named, images, lastNote, turn };
}

function placeOf(words: string): Omit<ShownImage, 'jpeg'> {
  const whole = /whole image of (\d+) x (\d+) pixels/.exec(words);
  if (whole) return { number: 0, box: [0, 0, Number(whole[1]), Number(whole[2])] };
  const [, number = '0', numbers = ''] = CAPTION.exec(words) ?? [];
  const [left = 0, top = 0, width = 1, height = 1] = numbers.split(',').map(Number);
  return { number: Number(number), box: [left, top, width, height] };
}

/** The names that the form of all tools allows. */
function formTools(format: unknown): string[] {
  const Form = z.object({
    json_schema: z.object({ schema: z.object({ properties: z.object({ tool: z.object({ enum: z.array(z.string()) }) }) }) }),
  });
  return Form.safeParse(format).data?.json_schema.schema.properties.tool.enum ?? [];
}
