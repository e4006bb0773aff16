// Reads what an ONNX file states about itself: metadata, inputs, outputs, foreign operators and external data. Runs nothing and copies
// no weights; onnxruntime-node gives no metadata. The file may come from anywhere: every list and every depth is bounded.
// Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import { type Field, FieldBudget, MalformedMessage, visitFields } from './protobuf-fields.ts';

/** `null` if a dimension has neither a size nor a name. */
export type Dimension = number | string | null;

export interface ModelValue {
  name: string;
  /** `float32`, `int64` and so on. `no tensor` for sequences and maps. */
  element: string;
  /** `null` if the file states no shape. */
  shape: readonly Dimension[] | null;
}

export interface OnnxModel {
  metadata: ReadonlyMap<string, string>;
  /** Without the weights, which old files list as inputs too. */
  inputs: readonly ModelValue[];
  outputs: readonly ModelValue[];
  /** Operators that neither ONNX, onnxruntime nor the file itself defines, as `domain.Operator`. */
  customOperators: readonly string[];
  /** The name of a weight that is stored in another file; `null` if there is none. */
  externalWeight: string | null;
}

const FIELDS_MAX = 20_000_000; // about 2 s; a model of 500 MB has a few ten thousand
const DEPTH_MAX = 16; // of graphs within nodes; If and Loop nest 2 or 3 deep
const VALUES_MAX = 200;
const DIMENSIONS_MAX = 16;
const NAMES_MAX = 100_000; // of weights and functions: 10 MB
const NAME_BYTES_MAX = 1_000;
const METADATA_BYTES_MAX = 4 * 1_024 * 1_024; // names of 10,000 classes: 0.3 MB
const SIZE_MAX = 2 ** 31; // a larger size is a negative number: unknown

/** The domains of operators that onnxruntime-node has. */
const KNOWN_DOMAINS = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc']);
/** TensorProto.DataType */
const ELEMENTS = [
  'undefined',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
].concat(['float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16']);
const EXTERNAL = 1; // TensorProto.DataLocation

/** The first bytes of files that are often taken for models. */
const OTHER_FILES: [start: string, sentence: string][] = [
  ['PK\x03\x04', 'The file is a ZIP archive, perhaps a PyTorch model. Export the model to ONNX first.'],
  ['version https://git-lfs', 'The file is a pointer of Git LFS, not the model. Run `git lfs pull` where you got it.'],
  ['\x89HDF', 'The file is an HDF5 file, perhaps a Keras model. Export the model to ONNX first.'],
  ['\x1f\x8b', 'The file is compressed with gzip. Unpack it first.'],
];

/** Throws a UserError if the bytes are not an ONNX model, or are a damaged one. */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  if (bytes.length === 0) throw new UserError('The file is empty. Expected an ONNX model.');
  const start = Buffer.from(bytes.subarray(0, 32)).toString('latin1');
  const other = OTHER_FILES.find(([first]) => start.startsWith(first));
  if (other) throw new UserError(other[1]);
  try {
    return modelOf(bytes);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    const sentence = `The file is not an ONNX model, or it is damaged: ${error.message}. Check that it was copied or downloaded completely.`;
    throw new UserError(sentence, { cause: error });
  }
}

class Reading {
  readonly budget = new FieldBudget(FIELDS_MAX);
  readonly metadata = new Map<string, string>();
  readonly inputs: ModelValue[] = [];
  readonly outputs: ModelValue[] = [];
  readonly weights = new Set<string>();
  readonly functions = new Set<string>();
  readonly operators = new Set<string>();
  externalWeight: string | null = null;
  metadataBytes = 0;
  graphs = 0;

  each(bytes: Uint8Array, visit: (field: Field) => void): void {
    visitFields(bytes, this.budget, visit);
  }
}

function modelOf(bytes: Uint8Array): OnnxModel {
  const reading = new Reading();
  reading.each(bytes, ({ number, value }) => {
    if (number === 7) readGraph(reading, message(value), 0);
    if (number === 14) readMetadata(reading, message(value));
    if (number === 25) readFunction(reading, message(value));
  });
  if (reading.graphs === 0) throw new MalformedMessage('it has no graph');
  const inputs = reading.inputs.filter(({ name }) => !reading.weights.has(name));
  if (inputs.length === 0 || reading.outputs.length === 0) throw new MalformedMessage('its graph has no input or no output');
  if (inputs.length + reading.outputs.length > VALUES_MAX) {
    throw new MalformedMessage(`its graph has more than ${VALUES_MAX} inputs and outputs`);
  }
  return {
    metadata: reading.metadata,
    inputs,
    outputs: reading.outputs,
    customOperators: [...reading.operators].filter((operator) => !reading.functions.has(operator)),
    externalWeight: reading.externalWeight,
  };
}

/** StringStringEntryProto */
function readMetadata(reading: Reading, bytes: Uint8Array): void {
  reading.metadataBytes += bytes.length;
  if (reading.metadataBytes > METADATA_BYTES_MAX) throw new MalformedMessage('its metadata has more than 4 MiB');
  let [key, value] = ['', ''];
  reading.each(bytes, (field) => {
    if (field.number === 1) key = text(field.value);
    if (field.number === 2) value = text(field.value);
  });
  reading.metadata.set(key, value);
}

/** FunctionProto: operators that the file defines itself. */
function readFunction(reading: Reading, bytes: Uint8Array): void {
  let [name, domain] = ['', ''];
  reading.each(bytes, ({ number, value }) => {
    if (number === 1) name = nameOf(value);
    if (number === 10) domain = nameOf(value);
    if (number === 7) readNode(reading, message(value), 0);
  });
  remember(reading.functions, `${domain}.${name}`);
}

/** GraphProto: nodes, weights and sparse weights. The main graph also has the inputs and outputs of the model. */
function readGraph(reading: Reading, bytes: Uint8Array, depth: number): void {
  if (depth > DEPTH_MAX) throw new MalformedMessage(`its graphs are nested more than ${DEPTH_MAX} deep`);
  if (depth === 0) reading.graphs += 1;
  reading.each(bytes, ({ number, value }) => {
    if (number === 1) readNode(reading, message(value), depth);
    if (number === 5) readTensor(reading, message(value), depth === 0);
    if (number === 11 && depth === 0) addValue(reading, reading.inputs, message(value));
    if (number === 12 && depth === 0) addValue(reading, reading.outputs, message(value));
    if (number === 15) readSparseTensor(reading, message(value));
  });
}

function readNode(reading: Reading, bytes: Uint8Array, depth: number): void {
  let [operator, domain] = ['', ''];
  reading.each(bytes, ({ number, value }) => {
    if (number === 4) operator = nameOf(value);
    if (number === 7) domain = nameOf(value);
    if (number === 5) readAttribute(reading, message(value), depth);
  });
  if (!KNOWN_DOMAINS.has(domain)) remember(reading.operators, `${domain}.${operator}`);
}

/** AttributeProto: it may hold tensors and whole graphs. */
function readAttribute(reading: Reading, bytes: Uint8Array, depth: number): void {
  reading.each(bytes, ({ number, value }) => {
    if (number === 5 || number === 10) readTensor(reading, message(value), false);
    if (number === 6 || number === 11) readGraph(reading, message(value), depth + 1);
    if (number === 22 || number === 23) readSparseTensor(reading, message(value));
  });
}

function readSparseTensor(reading: Reading, bytes: Uint8Array): void {
  reading.each(bytes, ({ number, value }) => {
    if (number === 1 || number === 2) readTensor(reading, message(value), false);
  });
}

function readTensor(reading: Reading, bytes: Uint8Array, isWeight: boolean): void {
  let [name, isExternal] = ['', false];
  reading.each(bytes, ({ number, value }) => {
    if (number === 8) name = nameOf(value);
    if (number === 13 || (number === 14 && value === EXTERNAL)) isExternal = true;
  });
  if (isWeight) remember(reading.weights, name);
  if (isExternal) reading.externalWeight ??= name;
}

/** ValueInfoProto */
function addValue(reading: Reading, values: ModelValue[], bytes: Uint8Array): void {
  let [name, element] = ['', 'no tensor'];
  let shape: Dimension[] | null = null;
  reading.each(bytes, (field) => {
    if (field.number === 1) name = nameOf(field.value);
    if (field.number !== 2) return;
    reading.each(message(field.value), (type) => {
      if (type.number !== 1) return; // TypeProto.Tensor
      element = 'undefined';
      reading.each(message(type.value), (part) => {
        if (part.number === 1) element = ELEMENTS[Number(part.value)] ?? `type ${part.value}`;
        if (part.number === 2) shape = shapeOf(reading, message(part.value));
      });
    });
  });
  values.push({ name, element, shape });
  // Old files list every weight as an input.
  if (values.length > NAMES_MAX) throw new MalformedMessage(`its graph has more than ${NAMES_MAX} inputs or outputs`);
}

function shapeOf(reading: Reading, bytes: Uint8Array): Dimension[] {
  const shape: Dimension[] = [];
  reading.each(bytes, (field) => {
    if (field.number !== 1) return;
    let size: Dimension = null;
    reading.each(message(field.value), ({ number, value }) => {
      if (number === 1 && typeof value === 'number') size = value > 0 && value < SIZE_MAX ? value : null;
      if (number === 2) size = nameOf(value) || null;
    });
    shape.push(size);
    if (shape.length > DIMENSIONS_MAX) throw new MalformedMessage(`a shape has more than ${DIMENSIONS_MAX} dimensions`);
  });
  return shape;
}

function remember(names: Set<string>, name: string): void {
  names.add(name);
  if (names.size > NAMES_MAX) throw new MalformedMessage(`it has more than ${NAMES_MAX} names`);
}

function message(value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') throw new MalformedMessage('a number stands where a message belongs');
  return value;
}

function text(value: number | Uint8Array): string {
  return new TextDecoder().decode(message(value));
}

function nameOf(value: number | Uint8Array): string {
  return printable(text(message(value).subarray(0, NAME_BYTES_MAX)));
}
