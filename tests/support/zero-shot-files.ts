// Writes a zero-shot model as its exporter would: a folder with an ONNX file and a tokenizer of a few words. It is a real detector: it
// finds the box of what is red and of what is blue, and gives it a score for the words that mean it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onnxFile } from '../../models/onnx-file.ts';
import { DetectorWriter, INPUT } from './detector-graph.ts';

const VOCABULARY = { '[PAD]': 0, '[UNK]': 1, red: 2, blue: 3, square: 4 };
const COLOR_WORDS = [VOCABULARY.red, VOCABULARY.blue];
const FLOAT = 1; // TensorProto.DataType
/** The logit of a word that means the object is the sum of both, otherwise the first. */
const LOGIT = { other: -6, gain: 7 };
/** 1 / (1 + e^-1) */
export const SCORE = 0.731;

/** Writes `hf/NAME` below `home`. Returns its folder. */
export async function writeZeroShot(home: string, name: string, kind: string): Promise<string> {
  const folder = join(home, 'hf', name);
  await mkdir(join(folder, 'onnx'), { recursive: true });
  await writeFile(join(folder, 'onnx', 'model.onnx'), zeroShotFile());
  const preprocessor = {
    image_processor_type: kind === 'owlv2' ? 'Owlv2ImageProcessor' : 'OwlViTImageProcessor',
    do_resize: true,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: false,
    size: INPUT,
  };
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: VOCABULARY, unk_token: '[UNK]' },
  };
  const documents = {
    'config.json': { model_type: kind, architectures: ['OwlViTForObjectDetection'] },
    'preprocessor_config.json': preprocessor,
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: 16,
      pad_token: '[PAD]',
      unk_token: '[UNK]',
    },
  };
  for (const [file, content] of Object.entries(documents)) await writeFile(join(folder, file), JSON.stringify(content));
  return folder;
}

function zeroShotFile(): Uint8Array {
  const writer = new DetectorWriter('yolov8');
  const { graph } = writer;
  const objects = writer.objects('pixel_values');
  const sides = [INPUT.width, INPUT.height, INPUT.width, INPUT.height];
  const edges = objects.flatMap(({ box }) =>
    [box.x, box.y, box.width, box.height].map((edge, index) => writer.reshape(writer.times(edge, 1 / (sides[index] ?? 1)), [1])),
  );
  graph.add('Reshape', [graph.add('Concat', edges, { axis: 0 }), graph.int64s([1, objects.length, 4])], {}, 'pred_boxes');
  const firstWords = graph.add('Gather', ['input_ids', graph.int64s([0])], { axis: 1 });
  const rows = COLOR_WORDS.map((word) => {
    const isMeant = graph.add('Cast', [graph.add('Equal', [firstWords, graph.int64s([word])], {})], { to: FLOAT });
    return writer.reshape(writer.plus(writer.times(isMeant, LOGIT.gain), LOGIT.other), [1, 1, -1]);
  });
  graph.add('Concat', rows, { axis: 1 }, 'logits');
  return onnxFile(
    {
      name: 'zero-shot',
      inputs: [
        { name: 'input_ids', shape: ['texts', 'tokens'], element: 'int64' },
        { name: 'pixel_values', shape: [1, 3, INPUT.height, INPUT.width] },
        { name: 'attention_mask', shape: ['texts', 'tokens'], element: 'int64' },
      ],
      outputs: [
        { name: 'logits', shape: [1, objects.length, 'texts'] },
        { name: 'pred_boxes', shape: [1, objects.length, 4] },
      ],
      constants: graph.constants,
      nodes: graph.nodes,
    },
    'tests',
  );
}
