// Scripts a language model behind an OpenAI-compatible server: it reports known boxes in any image, in the convention of its family. Asked in
// another convention, it answers less exactly, or in its own numbers nevertheless.
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import type { Coordinates } from '../../pipeline/providers/coordinates.ts';
import { coordinatesName, numbersOf } from '../../pipeline/providers/coordinates.ts';
import type { ImageSize } from '../../pipeline/providers/image-intake.ts';
import { boxFields } from '../../pipeline/vision/prompts/box-frame.ts';
import { type ChatRequest, completion, type OpenaiReply } from './openai-server.ts';

export interface SeenObject {
  label: string;
  /** Fractions of the width and height of the image: left, top, right, bottom. */
  edges: readonly [number, number, number, number];
}

export interface ConventionModel {
  own: Coordinates;
  /** How the model shrinks an image before it looks. */
  shrink: (image: ImageSize) => ImageSize;
  /** What it does if it is asked in another convention. */
  otherwise: 'answers in its own' | 'answers less exactly';
  /** What is in the image of the request. */
  sees: (image: ImageSize) => readonly SeenObject[];
}

/** How far a model is off in a convention that it was not trained on, as a share of the side. */
const LESS_EXACT = 0.06;

export function conventionReply(model: ConventionModel): (request: ChatRequest) => Promise<OpenaiReply> {
  return async (request) => {
    const image = await sizeOfImage(request);
    const asked = askedIn(request);
    const isOwn = coordinatesName(asked) === coordinatesName(model.own);
    const used = isOwn || model.otherwise === 'answers less exactly' ? asked : model.own;
    const error = isOwn || model.otherwise === 'answers in its own' ? 0 : LESS_EXACT;
    const seen = model.shrink(image);
    const scale = scaleOf(used, seen);
    const detections = model.sees(image).map(({ label, edges }, index) => {
      const [left, top, right, bottom] = edges.map((edge, side) => edge + error * swing(index * 4 + side)) as [
        number,
        number,
        number,
        number,
      ];
      const numbers = numbersOf(
        { left: left * scale.width, top: top * scale.height, right: right * scale.width, bottom: bottom * scale.height },
        used,
      ).map((number) => (used.unit === 'fractions' ? Math.round(number * 10_000) / 10_000 : Math.round(number)));
      // It fills in the fields that it is asked for, one number after the other.
      const box = Object.fromEntries(boxFields(asked).map((field, place) => [field, at(numbers, place)]));
      return { label, ...box, score: 0.9, severity: 'info', description: label, text: label };
    });
    return completion({ content: JSON.stringify({ detections }) });
  };
}

/** From -1 to 1. */
function swing(index: number): number {
  return Math.sin(index * 12.9898);
}

function scaleOf({ unit }: Coordinates, seen: ImageSize): ImageSize {
  if (unit === 'pixels') return seen;
  return unit === 'thousandths' ? { width: 1_000, height: 1_000 } : { width: 1, height: 1 };
}

/** By what the prompt and the order of the form say, as a model would read them. */
function askedIn({ body }: ChatRequest): Coordinates {
  const words = body.messages
    .map(({ content }) => (typeof content === 'string' ? content : content.map((part) => part.text).join(' ')))
    .join(' ');
  const schema = JSON.stringify(body.response_format.json_schema.schema);
  const place = (field: string) => schema.indexOf(`"${field}"`);
  return {
    unit: /in pixels of/.test(words) ? 'pixels' : /from 0 to 1000/.test(words) ? 'thousandths' : 'fractions',
    first: place('left') < place('top') ? 'x' : 'y',
    form: place('right') === -1 ? 'size' : 'edges',
  };
}

async function sizeOfImage({ body }: ChatRequest): Promise<ImageSize> {
  const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const url = parts.find((part) => part.image_url)?.image_url?.url ?? '';
  const { width, height } = await sharp(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')).metadata();
  return { width, height };
}
