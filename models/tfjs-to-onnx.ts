// Translates a TensorFlow.js graph to an ONNX graph, node by node, for the operators that NanoDet and nsfwjs have.
import type { OnnxAttribute, OnnxGraph, OnnxValue } from './onnx-file.ts';
import { OnnxGraphBuilder } from './onnx-graph-builder.ts';
import { integers, type TfjsGraph, type TfjsNode, type TfjsWeight } from './tfjs-graph.ts';
import { addWeight, channelsFirst, depthwiseChannelsFirst, kernelShape } from './tfjs-weights.ts';

/** What the source graph lacks, or fixes to one input size. */
export interface Conversion {
  name: string;
  input: OnnxValue;
  /** `source` is the name in the source graph. */
  outputs: readonly (OnnxValue & { source: string })[];
  /** By node name. The source has sizes for one input size; factors hold for every size. */
  resizeFactors: Readonly<Record<string, number>>;
}

const NHWC_TO_NCHW = [0, 3, 1, 2];
const NCHW_TO_NHWC = [0, 2, 3, 1];
const MOST_NEGATIVE = -3e38; // stands for -Infinity in a padding before MaxPool

/** Throws on an operator or attribute that has no translation. */
export function tfjsToOnnx(graph: TfjsGraph, conversion: Conversion): OnnxGraph {
  const translation = new Translation(graph, conversion);
  for (const { source, name } of conversion.outputs) translation.onnx.add('Identity', [translation.tensor(source)], {}, name);
  return {
    name: conversion.name,
    inputs: [conversion.input],
    outputs: conversion.outputs.map(({ name, shape }) => ({ name, shape })),
    constants: translation.onnx.constants,
    nodes: translation.onnx.nodes,
  };
}

class Translation {
  readonly onnx = new OnnxGraphBuilder();
  private readonly translated = new Map<string, string>();
  private readonly graph: TfjsGraph;
  private readonly conversion: Conversion;

  constructor(graph: TfjsGraph, conversion: Conversion) {
    this.graph = graph;
    this.conversion = conversion;
  }

  /** The ONNX name of a source tensor (`node` or `node:output`). Translates the nodes that it depends on first. */
  tensor(reference: string): string {
    const [, name, output] = /^([^:]+)(?::(\d+))?$/.exec(reference) ?? [];
    if (name === undefined) throw new Error(`${reference} is not the name of a tensor.`);
    const key = `${name}:${output ?? 0}`;
    const known = this.translated.get(key);
    if (known !== undefined) return known;
    const weight = this.graph.weights.get(name);
    const results = weight ? [addWeight(this.onnx, weight)] : this.node(this.sourceNode(name));
    results.forEach((result, index) => {
      this.translated.set(`${name}:${index}`, result);
    });
    const result = this.translated.get(key);
    if (result === undefined) throw new Error(`${name} has no output ${output}.`);
    return result;
  }

  /** The names of the node's outputs. */
  private node(node: TfjsNode): string[] {
    const { onnx } = this;
    const input = (index: number): string => this.tensor(this.inputOf(node, index));
    switch (node.op) {
      case 'Placeholder':
        return [this.conversion.input.name];
      case 'Identity':
        return [input(0)];
      case 'Add':
      case 'AddV2':
        return [onnx.add('Add', [input(0), input(1)], {})];
      case 'Mul':
      case 'Sub':
        return [onnx.add(node.op, [input(0), input(1)], {})];
      case 'Sigmoid':
        return [onnx.add('Sigmoid', [input(0)], {})];
      case 'Softmax':
        return [onnx.add('Softmax', [input(0)], { axis: -1 })];
      case 'LeakyRelu':
        return [onnx.add('LeakyRelu', [input(0)], { alpha: { float: required(node.attr.alpha, node).f } })];
      case 'Transpose':
        return [onnx.transpose(input(0), this.integersOf(node, 1))];
      case 'ConcatV2': {
        const parts = node.input.slice(0, -1).map((name) => this.tensor(name));
        return [onnx.add('Concat', parts, { axis: this.integerOf(node, -1) })];
      }
      case 'SplitV':
        return this.split(node);
      case 'Reshape':
        // NanoDet's heads only: [1, channels, height, width] to [1, channels, cells]; 0 keeps a dimension.
        return [onnx.add('Reshape', [input(0), onnx.int64s([0, 0, -1])], {})];
      case 'Squeeze':
        return [onnx.add('Squeeze', [input(0), onnx.int64s(required(node.attr.squeeze_dims, node).list.i)], {})];
      case 'Pad':
        return [onnx.add('Pad', [input(0), this.padding(node)], { mode: 'constant' })];
      case 'PadV2':
        return [onnx.add('Pad', [input(0), this.padding(node), onnx.float32(MOST_NEGATIVE)], { mode: 'constant' })];
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
        return [onnx.add('Add', [onnx.add('MatMul', [input(0), input(1)], {}), input(2)], {})];
      default:
        throw new Error(`The operator ${node.op} of ${node.name} has no translation.`);
    }
  }

  private convolution(node: TfjsNode, kind: 'plain' | 'depthwise'): string {
    const weight = this.weightOf(node, 1);
    const [height, width, inputs, outputs] = kernelShape(weight);
    const kernel = kind === 'plain' ? channelsFirst(weight) : depthwiseChannelsFirst(weight);
    const fused = (node.attr.fused_ops?.list.s ?? []).map(decode);
    const bias = fused[0] === 'BiasAdd' ? [this.tensor(this.inputOf(node, 2))] : [];
    if (kind === 'depthwise' && outputs !== 1) throw new Error(`${node.name} has ${outputs} outputs per channel, not 1.`);
    const { image, padding } = this.convolutionInput(node);
    const result = this.onnx.add('Conv', [image, addWeight(this.onnx, kernel), ...bias], {
      kernel_shape: [height, width],
      strides: spatial(node.attr.strides, node),
      group: kind === 'depthwise' ? inputs : 1,
      ...padding,
    });
    const activation = fused.at(bias.length);
    return this.onnx.transpose(activation === undefined ? result : this.activation(result, activation), NCHW_TO_NHWC);
  }

  /**
   * The image with channels first, and its padding. NanoDet pads with zeros in a node of its own before each convolution: as an
   * attribute of the convolution the padding costs no copy.
   */
  private convolutionInput(node: TfjsNode): { image: string; padding: Record<string, OnnxAttribute> } {
    const transpose = this.graph.nodes.get(this.inputOf(node, 0));
    const pad = transpose?.op === 'Transpose' ? this.graph.nodes.get(this.inputOf(transpose, 0)) : undefined;
    if (transpose && pad?.op === 'Pad' && `${this.integersOf(transpose, 1)}` === `${NCHW_TO_NHWC}`) {
      const [, , , , top, bottom, left, right] = this.integersOf(pad, 1);
      const pads = [top, left, bottom, right].map((side) => required(side, pad));
      return { image: this.tensor(this.inputOf(pad, 0)), padding: { pads } };
    }
    return { image: this.onnx.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW), padding: { auto_pad: padMode(node) } };
  }

  private activation(tensor: string, name: string): string {
    if (name !== 'Relu6') throw new Error(`The activation ${name} has no translation.`);
    return this.onnx.add('Clip', [tensor, this.onnx.float32(0), this.onnx.float32(6)], {});
  }

  private pool(node: TfjsNode, op: 'MaxPool' | 'AveragePool'): string {
    const image = this.onnx.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW);
    const result = this.onnx.add(op, [image], {
      kernel_shape: spatial(node.attr.ksize, node),
      strides: spatial(node.attr.strides, node),
      auto_pad: padMode(node),
    });
    return this.onnx.transpose(result, NCHW_TO_NHWC);
  }

  private resize(node: TfjsNode): string {
    const factor = required(this.conversion.resizeFactors[node.name], node);
    const factors = this.onnx.float32s([1, 1, factor, factor]);
    const image = this.onnx.transpose(this.tensor(this.inputOf(node, 0)), NHWC_TO_NCHW);
    if (node.attr.half_pixel_centers?.b !== true) throw new Error(`${node.name} does not use half pixel centers.`);
    const attributes = { mode: 'linear', coordinate_transformation_mode: 'half_pixel' };
    return this.onnx.transpose(this.onnx.add('Resize', [image, '', factors], attributes), NCHW_TO_NHWC);
  }

  private split(node: TfjsNode): string[] {
    const sizes = this.integersOf(node, 1);
    const outputs = sizes.map(() => this.onnx.name());
    const inputs = [this.tensor(this.inputOf(node, 0)), this.onnx.int64s(sizes)];
    this.onnx.addNode({ op: 'Split', inputs, outputs, attributes: { axis: this.integerOf(node, 2) } });
    return outputs;
  }

  /** TensorFlow has a pair (before, after) for each dimension; ONNX has every before, then every after. */
  private padding(node: TfjsNode): string {
    const pairs = this.integersOf(node, 1);
    return this.onnx.int64s([...pairs.filter((_, index) => index % 2 === 0), ...pairs.filter((_, index) => index % 2 === 1)]);
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

  private integerOf(node: TfjsNode, index: number): number {
    return required(this.integersOf(node, index)[0], node);
  }
}

/** Height and width of an attribute with one number for each dimension: batch, height, width, channels. */
function spatial(attribute: { list: { i: number[] } } | undefined, node: TfjsNode): [height: number, width: number] {
  const [, height, width] = required(attribute, node).list.i;
  return [required(height, node), required(width, node)];
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
