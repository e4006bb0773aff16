// The local models by name. Loads the native packages that they need.
import type { Jpeg } from '../../ports.ts';
import type { JobRequest, ModelName } from './model-jobs.ts';
import { detectObjects } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { type Sessions, sessions } from './sessions.ts';
import { readText } from './text/ppocr.ts';

const MODELS = {
  nanodet: async (loaded, image, minScore) => ({ detections: await detectObjects(loaded, image, minScore), unread: 0 }),
  ppocr: readText,
  nsfw: classifyNsfw,
} satisfies Record<ModelName, (sessions: Sessions, image: Jpeg, minScore: number) => Promise<unknown>>;

export function localModels(modelsFolder: string): (request: JobRequest) => Promise<unknown> {
  const loaded = sessions(modelsFolder);
  return ({ model, image, minScore }) => MODELS[model](loaded, image, minScore);
}
