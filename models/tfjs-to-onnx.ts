// Translates a TensorFlow.js graph to an ONNX graph, node by node, for the operators that NanoDet and nsfwjs have.
// Weights keep the form they are stored in (fp16, or uint8 with scale and offset) and are widened by nodes that
// onnxruntime folds at load: the files stay small and hold exactly the published weights.
import {
  ELEMENT,
  type Element,
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxGraph,
  type OnnxNode,
  type OnnxValue,
} from './onnx-file.ts';
import { ELEMENT_BYTES, integers, type TfjsGraph, type TfjsNode, type TfjsWeight } from './tfjs-graph.ts';

/** What the source graph leaves out or fixes to one input size. */
export interface Conversion {
  name: string;
  input: OnnxValue;
  /** Names in the source graph and what they are called in the result. */
  outputs: readonly (OnnxValue & { source: string })[];
  /** The source gives sizes for one input size; factors hold for every size. By node name. */
  resizeFactors: Readonly<Record<string, number>>;
}

const NHWC_TO_NCHW = [0, 3, 1, 2];
const NCHW_TO_NHWC = [0, 2, 3, 1];
const MOST_NEGATIVE = -3e38; // stands for -Infinity in a padding before MaxPool

/** Throws on an operator or attribute it does not know. */
export function tfjsToOnnx(graph: TfjsGraph, conversion: Conversion): OnnxGraph {
  const translation = new Translation(graph, conversion);
  for (const output of conversion.outputs) translation.add('Identity', [translation.tensor(output.source)], {}, output.name);
  return {
    name: conversion.name,
    inputs: [conversion.input],
    outputs: conversion.outputs.map(({ name, shape }) => ({ name, shape })),
    constants: translation.constants,
    nodes: translation.nodes,
  };
}

class Translation {
  readonly constants: OnnxConstant[] = [];
  readonly nodes: OnnxNode[] = [];
  private readonly translated = new Map<string, string>();
  private readonly graph: TfjsGraph;
  private readonly conversion: Conversion;
  private fresh = 0;

  constructor(graph: TfjsGraph, conversion: Conversion) {
    this.graph = graph;
    this.conversion = conversion;
  }

  /** The ONNX name of a source tensor (`node` or `node:output`), translating what it needs first. */
  tensor(reference: string): string {
    const [name = '', output = '0'] = reference.split(':');
    const key = `${name}:${output}`;
    const known = this.translated.get(key);
    if (known !== undefined) return known;
    const weight = this.graph.weights.get(name);
    const results = weight ? [this.weight(weight)] : this.node(this.sourceNode(name));
    results.forEach((result, index) => {
      this.translated.set(`${name}:${index}`, result);
    });
    const result = this.translated.get(key);
    if (result === undefined) throw new Error(`${name} has no output ${output}.`);
    return result;
  }

  /** Adds a node with one output and returns its name. */
  add(op: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute>, output = this.name()): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  private node(node: TfjsNode): string[] {
    const input = (index: number): string => this.tensor(this.inputOf(node, index));
    switch (node.op) {
      case 'Placeholder':
        return [this.conversion.input.name];
      case 'Identity':
        return [input(0)];
      case 'Add':
      case 'AddV2':
        return [this.add('Add', [input(0), input(1)], {})];
      case 'Mul':
      case 'Sub':
        return [this.add(node.op, [input(0), input(1)], {})];
      case 'Sigmoid':
        return [this.add('Sigmoid', [input(0)], {})];
      case 'Softmax':
        return [this.add('Softmax', [input(0)], { axis: -1 })];
      case 'LeakyRelu':
        return [this.add('LeakyRelu', [input(0)], { alpha: { float: required(node.attr.alpha, node).f } })];
      case 'Transpose':
        return [this.transpose(input(0), this.integersOf(node, 1))];
      case 'ConcatV2':
        return [
          this.add(
            'Concat',
            node.input.slice(0, -1).map((name) => this.tensor(name)),
            { axis: this.integersOf(node, -1)[0] ?? 0 },
          ),
        ];
      case 'SplitV':
        return this.split(node);
      case 'Reshape':
        // NanoDet's heads only: [1, channels, height, width] to [1, channels, cells]; 0 keeps a dimension.
        return [this.add('Reshape', [input(0), this.int64([0, 0, -1])], {})];
      case 'Squeeze':
        return [this.add('Squeeze', [input(0), this.int64(required(node.attr.squeeze_dims, node).list.i)], {})];
      case 'Pad':
        return [this.add('Pad', [input(0), this.padding(node)], { mode: 'constant' })];
      case 'PadV2':
        return [this.add('Pad', [input(0), this.padding(node), this.float32(MOST_NEGATIVE)], { mode: 'constant' })];
      case 'Conv2D':
      case '_FusedConv2D':
        return [this.convolution(node, 'plain')];
      case 'FusedDepthwiseConv2dNative':
        return [this.convolution(node, 'depthwise')];
      case 'MaxPool':
        return [this.pool(node, 'MaxPool')];
      case 'AvgPool':
        return [this.pool(node, 'AveragePool')];
      case 'ResizeBilinear':
        return [this.resize(node)];
      case '_FusedMatMul':
        return [this.add('Add', [this.add('MatMul', [input(0), input(1)], {}), input(2)], {})];
      default:
        throw new Error(`No translation for the operator ${node.op} of ${node.name}.`);
    }
  }

  private convolution(node: TfjsNode, kind: 'plain' | 'depthwise'): string {
    const weight = this.weightOf(node, 1);
    const [height = 0, width = 0, inputs = 0, outputs = 0] = weight.shape;
    const kernel = { ...weight, ...(kind === 'plain' ? channelsFirst(weight) : depthwiseChannelsFirst(weight)) };
    const [, strideY = 1, strideX = 1] = required(node.attr.strides, node).list.i;
    const fused = (node.attr.fused_ops?.list.s ?? []).map(decode);
    const bias = fused[0] === 'BiasAdd' ? [this.tensor(this.inputOf(node, 2))] : [];
    if (kind === 'depthwise' && outputs !== 1) throw new Error(`Expected one output a channel in ${node.name}, got ${outputs}.`);
    const { image, padding } = this.convolutionInput(node);
    const result = this.add('Conv', [image, this.weight(kernel), ...bias], {
      kernel_shape: [height, width],
      strides: [strideY, strideX],
      group: kind === 'depthwise' ? inputs : 1,
      ...padding,
    });
    const activation = fused.at(bias.length);
    return this.transpose(activation === undefined ? result : this.activation(result, activation), NCHW_TO_NHWC);
  }

  /**
   * The image with channels first and its padding. NanoDet pads with zeros in a node of its own before each convolution:
   * as an attribute of the convolution it costs no copy.
   */
  private convolutionInput(node: TfjsNode): { image: string; padding: Record<string, OnnxAttribute> } {
    const transpose = this.graph.nodes.get(this.inputOf(node, 0));
    const pad = transpose?.op === 'Transpose' ? this.graph.nodes.get(this.inputOf(transpose, 0)) : undefined;
    if (transpose && pad?.op === 'Pad' && `${this.integersOf(transpose, 1)}` === `${NCHW_TO_NHWC}`) {
      const [, , , , top = 0, bottom = 0, left = 0, right = 0] = this.integersOf(pad, 1);
      return { image: this.tensor(this.inputOf(pad, 0)), padding: { pads: [top, left, bottom, right] } };
    }
    return { image: this.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW), padding: { auto_pad: padMode(node) } };
  }

  private activation(tensor: string, name: string): string {
    if (name !== 'Relu6') throw new Error(`No translation for the activation ${name}.`);
    return this.add('Clip', [tensor, this.float32(0), this.float32(6)], {});
  }

  private pool(node: TfjsNode, op: 'MaxPool' | 'AveragePool'): string {
    const [, height = 1, width = 1] = required(node.attr.ksize, node).list.i;
    const [, strideY = 1, strideX = 1] = required(node.attr.strides, node).list.i;
    const image = this.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW);
    const attributes = { kernel_shape: [height, width], strides: [strideY, strideX], auto_pad: padMode(node) };
    return this.transpose(this.add(op, [image], attributes), NCHW_TO_NHWC);
  }

  private resize(node: TfjsNode): string {
    const factor = required(this.conversion.resizeFactors[node.name], node);
    const factors = this.constant('float32', [4], Float32Array.of(1, 1, factor, factor));
    const image = this.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW);
    if (node.attr.half_pixel_centers?.b !== true) throw new Error(`Expected half pixel centers in ${node.name}.`);
    const resized = this.add('Resize', [image, '', factors], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
    return this.transpose(resized, NCHW_TO_NHWC);
  }

  private split(node: TfjsNode): string[] {
    const sizes = this.integersOf(node, 1);
    const outputs = sizes.map(() => this.name());
    const inputs = [this.tensor(this.inputOf(node, 0)), this.int64(sizes)];
    this.nodes.push({ op: 'Split', inputs, outputs, attributes: { axis: this.integersOf(node, 2)[0] ?? 0 } });
    return outputs;
  }

  /** TensorFlow pairs (before, after) a dimension; ONNX has all befores, then all afters. */
  private padding(node: TfjsNode): string {
    const pairs = this.integersOf(node, 1);
    return this.int64([...pairs.filter((_, index) => index % 2 === 0), ...pairs.filter((_, index) => index % 2 === 1)]);
  }

  private transpose(tensor: string, perm: readonly number[]): string {
    return this.add('Transpose', [tensor], { perm });
  }

  private weight({ shape, storage, bytes }: TfjsWeight): string {
    if (storage.element === 'int32') throw new Error('An integer weight is no operand.');
    const stored = this.bytes(storage.element, shape, bytes);
    if (storage.element === 'float32') return stored;
    const widened = this.add('Cast', [stored], { to: ELEMENT.float32 });
    if (storage.element === 'float16') return widened;
    return this.add('Add', [this.add('Mul', [widened, this.float32(storage.scale)], {}), this.float32(storage.min)], {});
  }

  private float32(value: number): string {
    return this.constant('float32', [], Float32Array.of(value));
  }

  private int64(values: readonly number[]): string {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  private constant(element: Element, shape: readonly number[], values: Float32Array | BigInt64Array): string {
    return this.bytes(element, shape, new Uint8Array(values.buffer));
  }

  private bytes(element: Element, shape: readonly number[], bytes: Uint8Array): string {
    const name = this.name();
    this.constants.push({ name, shape, element, bytes });
    return name;
  }

  private name(): string {
    this.fresh += 1;
    return `t${this.fresh}`;
  }

  private sourceNode(name: string): TfjsNode {
    const node = this.graph.nodes.get(name);
    if (!node) throw new Error(`The graph has no node ${name}.`);
    return node;
  }

  private inputOf(node: TfjsNode, index: number): string {
    return required(node.input.at(index), node);
  }

  private weightOf(node: TfjsNode, index: number): TfjsWeight {
    return required(this.graph.weights.get(this.inputOf(node, index)), node);
  }

  private integersOf(node: TfjsNode, index: number): number[] {
    return integers(this.weightOf(node, index));
  }
}

/** [height, width, in, out] to [out, in, height, width]. */
function channelsFirst({ shape, storage, bytes }: TfjsWeight): Pick<TfjsWeight, 'shape' | 'bytes'> {
  const [height = 0, width = 0, inputs = 0, outputs = 0] = shape;
  const cells = height * width;
  const size = ELEMENT_BYTES[storage.element];
  const result = new Uint8Array(bytes.length);
  for (let cell = 0; cell < cells; cell++) {
    for (let input = 0; input < inputs; input++) {
      for (let output = 0; output < outputs; output++) {
        const from = ((cell * inputs + input) * outputs + output) * size;
        result.set(bytes.subarray(from, from + size), ((output * inputs + input) * cells + cell) * size);
      }
    }
  }
  return { shape: [outputs, inputs, height, width], bytes: result };
}

/** [height, width, channels, 1] to [channels, 1, height, width]. */
function depthwiseChannelsFirst(weight: TfjsWeight): Pick<TfjsWeight, 'shape' | 'bytes'> {
  const [height = 0, width = 0, channels = 0] = weight.shape;
  return channelsFirst({ ...weight, shape: [height, width, 1, channels] });
}

function padMode(node: TfjsNode): 'SAME_UPPER' | 'VALID' {
  return decode(required(node.attr.padding, node).s) === 'SAME' ? 'SAME_UPPER' : 'VALID';
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

function required<T>(value: T | undefined, node: TfjsNode): T {
  if (value === undefined) throw new Error(`${node.op} ${node.name} lacks what its translation needs.`);
  return value;
}
