// `tilesight models labels`: which labels the detection models of this machine know, as `tilesight://labels` lists them for agents.
import { readConfig } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { printable } from '../../pipeline/contract/printable.ts';
import { isOwnDetector } from '../../pipeline/providers/detector-names.ts';
import { LOCAL_LABELS } from '../../pipeline/providers/local-labels.ts';
import { vocabularyOf } from '../../pipeline/providers/own-labels.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { print } from '../terminal.ts';

/** Without a model: of those in DETECTION_MODELS. With one, a label a line. */
export async function labelsCommand(given: string | undefined): Promise<void> {
  const config = readConfig();
  const detectors = detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE });
  /** `null` if the model detects what words name. */
  const labelsOf = async (model: string): Promise<readonly string[] | null> => {
    if (!isOwnDetector(model)) return LOCAL_LABELS[model] ?? null;
    const { labels } = await detectors.find(model);
    return labels === null ? null : vocabularyOf(labels).labels;
  };
  if (given !== undefined) {
    const model = given.includes(':') ? given : `onnx:${given}`;
    const labels = await labelsOf(model);
    if (labels === null) throw new UserError(`The model ${printable(model)} has no list of labels. ${describedInWords(model)}`);
    for (const label of labels) print(`${printable(label)}\n`);
    return;
  }
  for (const model of config.DETECTION_MODELS) {
    const labels = await labelsOf(model);
    if (labels === null) print(`${describedInWords(model)}\n`);
    else
      print(
        `${model} knows ${labels.length.toLocaleString('en')} ${labels.length === 1 ? 'label' : 'labels'}:\n  ${labels.map(printable).join(', ')}\n`,
      );
  }
}

function describedInWords(model: string): string {
  return model === 'onnx:nsfw'
    ? 'It moderates, and detects nothing.'
    : `${printable(model)} detects whatever --label and --look-for describe in words.`;
}
