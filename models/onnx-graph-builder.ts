// Builds an ONNX graph node by node, with fresh names for tensors. Must not know TensorFlow.
import type { Element, OnnxAttribute, OnnxConstant, OnnxNode } from './onnx-file.ts';

/** The same calls in the same order give the same names. */
export class OnnxGraphBuilder {
  readonly constants: OnnxConstant[] = [];
  readonly nodes: OnnxNode[] = [];
  private names = 0;

  /** Adds a node with one output and returns its name. */
  add(op: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute>, output = this.name()): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  addNode(node: OnnxNode): void {
    this.nodes.push(node);
  }

  transpose(tensor: string, perm: readonly number[]): string {
    return this.add('Transpose', [tensor], { perm });
  }

  /** A scalar. */
  float32(value: number): string {
    return this.constant([], 'float32', bytesOf(Float32Array.of(value)));
  }

  float32s(values: readonly number[]): string {
    return this.constant([values.length], 'float32', bytesOf(Float32Array.from(values)));
  }

  int64s(values: readonly number[]): string {
    return this.constant([values.length], 'int64', bytesOf(BigInt64Array.from(values, BigInt)));
  }

  constant(shape: readonly number[], element: Element, bytes: Uint8Array): string {
    const name = this.name();
    this.constants.push({ name, shape, element, bytes });
    return name;
  }

  name(): string {
    this.names += 1;
    return `t${this.names}`;
  }
}

function bytesOf(values: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer);
}
