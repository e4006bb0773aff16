// Writes a zero-shot model as its exporter would: a folder with an ONNX file and a tokenizer of a few words. It is a real detector: it
// finds the box of what is red and of what is blue, and gives it a score for the words that mean it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OnnxValue, onnxFile } from '../../models/onnx-file.ts';
import { DetectorWriter, INPUT } from './detector-graph.ts';

const VOCABULARY = { '[PAD]': 0, '[UNK]': 1, red: 2, blue: 3, square: 4, '[CLS]': 5, '[SEP]': 6, '.': 7 };
const COLOR_WORDS = [VOCABULARY.red, VOCABULARY.blue];
const FLOAT = 1; // TensorProto.DataType
/** The logit of a word that means the object is the sum of both, otherwise the first. */
const LOGIT = { other: -6, gain: 7 };
/** 1 / (1 + e^-1) */
export const SCORE = 0.731;

/** Columns of the logits of Grounding DINO, however long the text is. */
const GROUNDING_COLUMNS = 256;
const NEVER = -1e9;

const IMAGE_PROCESSORS: Readonly<Record<string, object>> = {
  owlvit: { image_processor_type: 'OwlViTImageProcessor', size: INPUT },
  owlv2: { image_processor_type: 'Owlv2ImageProcessor', size: INPUT },
  'grounding-dino': {
    image_processor_type: 'GroundingDinoImageProcessor',
    processor_class: 'GroundingDinoProcessor',
    do_pad: true,
    size: { shortest_edge: INPUT.height, longest_edge: 1_333 },
  },
};

const GROUNDING_INPUTS: OnnxValue[] = [
  { name: 'token_type_ids', shape: ['texts', 'tokens'], element: 'int64' },
  { name: 'pixel_mask', shape: [1, INPUT.height, INPUT.width], element: 'int64' },
];

/** As a BERT tokenizer puts them around a text. */
const BERT_TEMPLATE = {
  type: 'TemplateProcessing',
  single: [
    { SpecialToken: { id: '[CLS]', type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: '[SEP]', type_id: 0 } },
  ],
  pair: [],
  special_tokens: {
    '[CLS]': { id: '[CLS]', ids: [VOCABULARY['[CLS]']], tokens: ['[CLS]'] },
    '[SEP]': { id: '[SEP]', ids: [VOCABULARY['[SEP]']], tokens: ['[SEP]'] },
  },
};

/** Writes `hf/NAME` below `home`. Returns its folder. */
export async function writeZeroShot(home: string, name: string, kind: string): Promise<string> {
  const folder = join(home, 'hf', name);
  await writeZeroShotFiles(folder, kind);
  return folder;
}

export async function writeZeroShotFiles(folder: string, kind: string): Promise<void> {
  const isGrounding = kind === 'grounding-dino';
  await mkdir(join(folder, 'onnx'), { recursive: true });
  await writeFile(join(folder, 'onnx', 'model.onnx'), zeroShotFile(isGrounding));
  const preprocessor = {
    ...IMAGE_PROCESSORS[kind],
    do_resize: true,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: false,
  };
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: isGrounding ? BERT_TEMPLATE : null,
    decoder: null,
    model: { type: 'WordLevel', vocab: VOCABULARY, unk_token: '[UNK]' },
  };
  const documents = {
    'config.json': { model_type: kind, architectures: ['ForObjectDetection'] },
    'preprocessor_config.json': preprocessor,
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: 512,
      pad_token: '[PAD]',
      unk_token: '[UNK]',
    },
  };
  for (const [file, content] of Object.entries(documents)) await writeFile(join(folder, file), JSON.stringify(content));
}

function zeroShotFile(isGrounding: boolean): Uint8Array {
  const writer = new DetectorWriter('yolov8');
  const { graph } = writer;
  const masked = () => {
    const mask = graph.add('Unsqueeze', ['pixel_mask', graph.int64s([1])], {});
    return graph.add('Mul', ['pixel_values', graph.add('Cast', [mask], { to: FLOAT })], {});
  };
  const objects = writer.objects(isGrounding ? masked() : 'pixel_values');
  const sides = [INPUT.width, INPUT.height, INPUT.width, INPUT.height];
  const edges = objects.flatMap(({ box }) =>
    [box.x, box.y, box.width, box.height].map((edge, index) => writer.reshape(writer.times(edge, 1 / (sides[index] ?? 1)), [1])),
  );
  graph.add('Reshape', [graph.add('Concat', edges, { axis: 0 }), graph.int64s([1, objects.length, 4])], {}, 'pred_boxes');
  const ids = isGrounding ? 'input_ids' : graph.add('Gather', ['input_ids', graph.int64s([0])], { axis: 1 });
  const rows = COLOR_WORDS.map((word) => {
    const isMeant = graph.add('Cast', [graph.add('Equal', [ids, graph.int64s([word])], {})], { to: FLOAT });
    return writer.reshape(writer.plus(writer.times(isMeant, LOGIT.gain), LOGIT.other), [1, 1, -1]);
  });
  if (isGrounding) {
    const filler = writer.reshape(graph.float32s(Array.from({ length: GROUNDING_COLUMNS * rows.length }, () => NEVER)), [
      1,
      rows.length,
      -1,
    ]);
    const wide = graph.add('Concat', [graph.add('Concat', rows, { axis: 1 }), filler], { axis: 2 });
    graph.add('Slice', [wide, graph.int64s([0]), graph.int64s([GROUNDING_COLUMNS]), graph.int64s([2])], {}, 'logits');
  } else graph.add('Concat', rows, { axis: 1 }, 'logits');
  return onnxFile(
    {
      name: 'zero-shot',
      inputs: [
        { name: 'input_ids', shape: ['texts', 'tokens'], element: 'int64' },
        { name: 'pixel_values', shape: [1, 3, INPUT.height, INPUT.width] },
        ...(isGrounding ? GROUNDING_INPUTS : []),
        { name: 'attention_mask', shape: ['texts', 'tokens'], element: 'int64' },
      ],
      outputs: [
        { name: 'logits', shape: [1, objects.length, isGrounding ? GROUNDING_COLUMNS : 'texts'] },
        { name: 'pred_boxes', shape: [1, objects.length, 4] },
      ],
      constants: graph.constants,
      nodes: graph.nodes,
    },
    'tests',
  );
}
