// The local models by name, the registered detectors and text models, and the zero-shot detectors. Loads the native packages that they need.
import type { Jpeg } from '../../ports.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { runDetector } from '../detectors/run-detector.ts';
import { zeroShotRunner } from '../zero-shot/run-zero-shot.ts';
import type { Detected, DetectorFile, ImageJob, ModelName } from './model-jobs.ts';
import { detectObjects } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { type Sessions, sessions } from './sessions.ts';
import { builtInTextModel, readText } from './text/ppocr.ts';

const MODELS = {
  nanodet: async (loaded, image, minScore) => ({ detections: await detectObjects(loaded, image, minScore) }),
  ppocr: async (loaded, image) => await readText(await builtInTextModel(loaded), image),
  nsfw: classifyNsfw,
} satisfies Record<ModelName, (sessions: Sessions, image: Jpeg, minScore: number) => Promise<unknown>>;

export function localModels(
  modelsFolder: string,
  executionProvider: ExecutionProvider = 'cpu',
): (job: ImageJob) => Promise<unknown> {
  const loaded = sessions(modelsFolder, executionProvider);
  const zeroShot = zeroShotRunner(executionProvider);
  return async ({ model, image, minScore }) => {
    if (typeof model === 'string') return await MODELS[model](loaded, image, minScore);
    if ('paths' in model) return await readText(loaded.text(model), image);
    if ('words' in model) return { detections: await zeroShot(model, image, minScore) } satisfies Detected;
    return await detectWith(model, loaded, image, minScore);
  };
}

async function detectWith(detector: DetectorFile, loaded: Sessions, image: Jpeg, minScore: number): Promise<Detected> {
  const session = await loaded.detector(detector);
  return { detections: await runDetector(session, detector.sidecar, image, minScore) };
}
