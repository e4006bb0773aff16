// Writes an ONNX file: the few protobuf messages of onnx.proto3 that a graph of constants and nodes needs.
// Field numbers are those of onnx.proto3. Knows nothing of TensorFlow or of what the graph computes.

/** TensorProto.DataType */
export const ELEMENT = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10 } as const;
export type Element = keyof typeof ELEMENT;

export interface OnnxConstant {
  name: string;
  shape: readonly number[];
  element: Element;
  /** Little-endian elements in row order. */
  bytes: Uint8Array;
}

/** A number is an integer attribute unless it is wrapped. */
export type OnnxAttribute = number | readonly number[] | string | { float: number } | { graph: OnnxGraph };

export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, OnnxAttribute>>;
  /** Missing for the operators of ONNX itself. */
  domain?: string;
}

/** An input or output. A dimension with a name may have any size. */
export interface OnnxValue {
  name: string;
  shape: readonly (number | string)[];
  /** float32 if missing. */
  element?: Element;
}

export interface OnnxGraph {
  name: string;
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  constants: readonly OnnxConstant[];
  nodes: readonly OnnxNode[];
  metadata?: Readonly<Record<string, string>>;
}

const IR_VERSION = 8;
const OPSET = 13;

/** The same graph gives the same bytes. */
export function onnxFile(graph: OnnxGraph, producer: string): Uint8Array {
  return message([
    integer(1, IR_VERSION),
    text(2, producer),
    part(7, graphProto(graph)),
    ...domainsOf(graph).map((domain) => part(8, message([text(1, domain), integer(2, domain === '' ? OPSET : 1)]))),
    ...Object.entries(graph.metadata ?? {}).map(([key, value]) => part(14, message([text(1, key), text(2, value)]))),
  ]);
}

function domainsOf({ nodes }: OnnxGraph): string[] {
  return [...new Set(['', ...nodes.flatMap(({ domain }) => domain ?? [])])];
}

function graphProto(graph: OnnxGraph): Buffer {
  return message([
    ...graph.nodes.map((node) => part(1, nodeProto(node))),
    text(2, graph.name),
    ...graph.constants.map((constant) => part(5, tensorProto(constant))),
    ...graph.inputs.map((value) => part(11, valueInfoProto(value))),
    ...graph.outputs.map((value) => part(12, valueInfoProto(value))),
  ]);
}

function nodeProto(node: OnnxNode): Buffer {
  return message([
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(4, node.op),
    ...Object.entries(node.attributes).map(([name, value]) => part(5, attributeProto(name, value))),
    ...(node.domain === undefined ? [] : [text(7, node.domain)]),
  ]);
}

function attributeProto(name: string, value: OnnxAttribute): Buffer {
  const [type, fields] = attributeValue(value);
  return message([text(1, name), ...fields, integer(20, type)]);
}

/** AttributeProto.AttributeType and the field that holds the value. */
function attributeValue(value: OnnxAttribute): [type: number, fields: Buffer[]] {
  if (typeof value === 'number') return [2, [integer(3, value)]];
  if (typeof value === 'string') return [3, [text(4, value)]];
  if ('graph' in value) return [5, [part(6, graphProto(value.graph))]];
  if ('float' in value) return [1, [float(2, value.float)]];
  return [7, value.map((item) => integer(8, item))];
}

function tensorProto(constant: OnnxConstant): Buffer {
  return message([
    ...constant.shape.map((size) => integer(1, size)),
    integer(2, ELEMENT[constant.element]),
    text(8, constant.name),
    part(9, constant.bytes),
  ]);
}

function valueInfoProto(value: OnnxValue): Buffer {
  const dimensions = value.shape.map((size) => part(1, typeof size === 'string' ? text(2, size) : integer(1, size)));
  const tensorType = message([integer(1, ELEMENT[value.element ?? 'float32']), part(2, message(dimensions))]);
  return message([text(1, value.name), part(2, part(1, tensorType))]);
}

function message(fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(fields);
}

function integer(field: number, value: number): Buffer {
  return message([varint(field << 3), varint(value)]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return message([varint((field << 3) | 5), bytes]);
}

function text(field: number, value: string): Buffer {
  return part(field, Buffer.from(value));
}

function part(field: number, bytes: Uint8Array): Buffer {
  return message([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** Seven bits a byte, lowest first; a negative number takes ten bytes, as protobuf's int64 does. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
