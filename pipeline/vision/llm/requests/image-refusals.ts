// Recognizes refusals that concern the image of one request, and so one tile. Every other refusal concerns the model or the account, and
// so all tiles. Must not know providers: the patterns fit the messages of Bedrock, OpenAI, Anthropic, Google, Alibaba, OpenRouter, vLLM,
// llama.cpp and Ollama.

/** `blocked`: by a policy about content. */
export type ImageRefusal = 'blocked' | 'too-large' | 'unreadable';

/** A model without vision refuses every image. */
export const NO_VISION =
  /^(?!.*\b(?:format|(?:media|mime|image) type|size|dimension)s?\b).*(?:\bimages?(?: ?_?url)?\b[^.]{0,80}(?:not support|unsupported|not enabled|only supported by)|(?:not support|n['’]t support|no endpoints found that support)[^.]{0,40}\b(?:image|vision)|not accept images|at most 0 image|no vision|not a (?:multimodal|vision) model|text-only model|unsupported image (?:input|content)|unsupported (?:content|input) type|content[^.]{0,20} must be a string|unknown variant .?image_url|missing data required for image input)/is;
export const NO_VISION_FIX = 'it does not accept images. Choose a model with vision';

/** About the model, not about one image. "Unsupported image" alone is about a format. */
const ABOUT_THE_MODEL =
  /not support|n['’]t support|only supported by|at most 0 image|no vision|unsupported image (input|content)|unsupported (content|input) type/i;
const BLOCKED =
  /content[ _-]?(filter|policy|management)|blocked by|safety (system|policy)|usage polic|responsible ai|(inappropriate|unsafe) content|input was flagged/i;
const TOO_LARGE = /\bimages?\b.*(\bexceeds?\b|too (large|big)|larger than|max(imum)? (allowed )?size)/is;
const UNREADABLE = [
  /(could not|cannot|can['’]t|unable to|fail(ed|ure)? to) (process|decode|load|read|open|identify|parse|recognize)\b.*\bimage\b/is,
  /\b(invalid|corrupt(ed)?|unsupported|malformed|broken|truncated|damaged) (input )?image\b/i,
  /\bimage\b( \w+){0,8} (is|was|appears)( \w+){0,8} (invalid|corrupt(ed)?|truncated|damaged|unreadable|empty|malformed)\b/i,
  /\bimage\b( \w+){0,8} (could not|cannot|can['’]t) be (decoded|processed|loaded|read|opened)\b/i,
  /\bimage: unknown format\b/i,
];

/** Characters of a refusal that are read. A server that repeats the request in its error would keep the patterns busy for minutes. */
export const REFUSAL_CHARACTERS_MAX = 4_000;

/** `null` if the words of a refusal are not about the image. */
export function imageRefusalIn(refusal: string): ImageRefusal | null {
  const words = refusal.slice(0, REFUSAL_CHARACTERS_MAX);
  if (ABOUT_THE_MODEL.test(words) || NO_VISION.test(words)) return null;
  if (BLOCKED.test(words)) return 'blocked';
  if (TOO_LARGE.test(words)) return 'too-large';
  return UNREADABLE.some((pattern) => pattern.test(words)) ? 'unreadable' : null;
}
