// The local models by name. Loads the native packages that they need.
import type { Jpeg } from '../../ports.ts';
import type { ModelName } from './model-jobs.ts';
import { detectObjects } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { type Sessions, sessions } from './sessions.ts';
import { readText } from './text/ppocr.ts';

const MODELS = {
  nanodet: async (loaded, image) => ({ detections: await detectObjects(loaded, image), unread: 0 }),
  ppocr: readText,
  nsfw: classifyNsfw,
} satisfies Record<ModelName, (sessions: Sessions, image: Jpeg) => Promise<unknown>>;

export function localModels(modelsFolder: string): (model: ModelName, image: Jpeg) => Promise<unknown> {
  const loaded = sessions(modelsFolder);
  return (model, image) => MODELS[model](loaded, image);
}
