// The local models by name, the registered detectors and text models, and the zero-shot detectors. Loads the native packages that they need.
import type { TileJpeg } from '../../ports.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { runDetector } from '../detectors/run-detector.ts';
import { zeroShotRunner } from '../zero-shot/run-zero-shot.ts';
import type { Detected, DetectorFile, ImageJob, ModelName, TextModelFiles } from './model-jobs.ts';
import { detectObjects } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { loadRuntime } from './runtime.ts';
import { type Sessions, sessionOptions, sessions } from './sessions.ts';
import { builtInTextModel, readText } from './text/ppocr.ts';

const MODELS = {
  nanodet: async (loaded, image, minScore) => ({ detections: await detectObjects(loaded, image, minScore) }),
  ppocr: async (loaded, image) => await readText(await builtInTextModel(loaded), image),
} satisfies Record<Exclude<ModelName, 'nsfw'>, (sessions: Sessions, image: TileJpeg, minScore: number) => Promise<Detected>>;

export function localModels(
  modelsFolder: string,
  executionProvider: ExecutionProvider = 'cpu',
): (job: ImageJob) => Promise<unknown> {
  const loaded = sessions(modelsFolder, executionProvider);
  const zeroShot = zeroShotRunner(executionProvider === 'wasm' ? 'cpu' : executionProvider); // its library has the native runtime only
  return async ({ model, image, minScore }) => {
    if (model === 'nsfw') return await classifyNsfw(loaded, image);
    if (typeof model === 'object' && 'words' in model) {
      return { detections: await zeroShot(model, image, minScore) } satisfies Detected;
    }
    const detected = await detectWith(model, loaded, image, minScore);
    const { name } = await loadRuntime(sessionOptions(executionProvider));
    return { ...detected, runtime: name } satisfies Detected;
  };
}

async function detectWith(
  model: keyof typeof MODELS | DetectorFile | TextModelFiles,
  loaded: Sessions,
  image: TileJpeg,
  minScore: number,
): Promise<Detected> {
  if (typeof model === 'string') return await MODELS[model](loaded, image, minScore);
  if ('paths' in model) return await readText(loaded.text(model), image);
  const session = await loaded.detector(model);
  return { detections: await runDetector(session, model.sidecar, image, minScore) };
}
