// The front door for `models add`: a file that a user names becomes a sidecar with notes, or a sentence. Runs no model.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../contract/errors.ts';
import { readOnnxModel } from './onnx-model.ts';
import { type Given, type Recognized, recognize } from './recognize.ts';
import { MODEL_BYTES_MAX } from './sidecar.ts';

/** Throws a UserError if the file is missing, too large, no ONNX model, or a model that cannot run here or is not recognized. */
export async function describeDetector(path: string, given: Given = {}): Promise<Recognized> {
  await checkModelFile(path);
  const bytes = await readFile(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return recognize(readOnnxModel(bytes), { sha256, bytes: bytes.length }, given);
}

/** Throws a UserError if the file is missing, no file or too large. Reads nothing of it. */
export async function checkModelFile(path: string): Promise<void> {
  const file = await stat(path).catch((cause: unknown) => {
    throw new UserError(`The model file ${path} does not exist or may not be read. Check the path.`, { cause });
  });
  if (!file.isFile()) throw new UserError(`${path} is not a file. Expected an ONNX model.`);
  if (file.size > MODEL_BYTES_MAX) {
    const mebibytes = Math.ceil(file.size / 1_024 / 1_024).toLocaleString('en');
    throw new UserError(
      `The model file has ${mebibytes} MiB; at most ${MODEL_BYTES_MAX / 1_024 / 1_024} MiB are possible. Export a smaller model.`,
    );
  }
}
