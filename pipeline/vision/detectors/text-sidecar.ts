// detector.json of a text model: three files that read text together, and the scripts that they read. Beside it lie detector.onnx, which
// finds lines, reader.onnx, which reads them, and dictionary.txt with its characters.
import { z } from 'zod';
import { checkedBy, Sidecar, sidecarContent } from './sidecar.ts';

/** The names of the files in the folder of a text model. */
export const TEXT_FILES = { detector: 'detector.onnx', reader: 'reader.onnx', dictionary: 'dictionary.txt' } as const;
export type TextFileName = keyof typeof TEXT_FILES;

const SCRIPTS_MAX = 40;
const SCRIPT_CHARACTERS_MAX = 40;

/** A model never runs with another file. */
const FileFacts = z.strictObject({ sha256: Sidecar.shape.sha256, bytes: Sidecar.shape.bytes });

export const TextSidecar = z.strictObject({
  version: Sidecar.shape.version,
  kind: z.literal('ocr', { error: 'expected "ocr"' }),
  /** As notes name them, for example Latin. */
  scripts: z
    .array(z.string().trim().min(1).max(SCRIPT_CHARACTERS_MAX), { error: 'expected a list of scripts' })
    .min(1, { error: 'expected at least one script' })
    .max(SCRIPTS_MAX, { error: `expected at most ${SCRIPTS_MAX} scripts` }),
  detector: FileFacts,
  reader: FileFacts,
  dictionary: FileFacts,
  license: Sidecar.shape.license,
  description: Sidecar.shape.description,
});
export type TextSidecar = z.infer<typeof TextSidecar>;

/** Either kind of detector.json. Throws as `parseSidecar`. */
export function parseAnySidecar(text: string): Sidecar | TextSidecar {
  const content = sidecarContent(text);
  const isText = typeof content === 'object' && content !== null && 'kind' in content;
  return isText ? checkedBy(TextSidecar, content) : checkedBy(Sidecar, content);
}
