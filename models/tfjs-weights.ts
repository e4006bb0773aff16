// The weights of a TensorFlow.js graph as ONNX constants. A weight stays in the form it is published in (fp16, or uint8 with scale and
// offset), and onnxruntime widens it at load: the files stay small and hold exactly the published weights.
import { ELEMENT } from './onnx-file.ts';
import type { OnnxGraphBuilder } from './onnx-graph-builder.ts';
import { ELEMENT_BYTES, type TfjsWeight } from './tfjs-graph.ts';

/** Adds a weight and returns the name of its fp32 tensor. */
export function addWeight(graph: OnnxGraphBuilder, { shape, storage, bytes }: TfjsWeight): string {
  if (storage.element === 'int32') throw new Error('An int32 weight is a shape or an axis, not an operand.');
  const stored = graph.constant(shape, storage.element, bytes);
  if (storage.element === 'float32') return stored;
  const widened = graph.add('Cast', [stored], { to: ELEMENT.float32 });
  if (storage.element === 'float16') return widened;
  return graph.add('Add', [graph.add('Mul', [widened, graph.float32(storage.scale)], {}), graph.float32(storage.min)], {});
}

/** Height, width, input and output channels. Throws if the weight is no convolution kernel. */
export function kernelShape({ shape }: TfjsWeight): [height: number, width: number, inputs: number, outputs: number] {
  const [height, width, inputs, outputs] = shape;
  if (height === undefined || width === undefined || inputs === undefined || outputs === undefined)
    throw new Error(`A kernel has four dimensions, this one has ${shape.length}.`);
  return [height, width, inputs, outputs];
}

/** From [height, width, in, out] to [out, in, height, width]. */
export function channelsFirst(weight: TfjsWeight): TfjsWeight {
  const [height, width, inputs, outputs] = kernelShape(weight);
  const { storage, bytes } = weight;
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
  return { shape: [outputs, inputs, height, width], storage, bytes: result };
}

/** From [height, width, channels, 1] to [channels, 1, height, width]. */
export function depthwiseChannelsFirst(weight: TfjsWeight): TfjsWeight {
  const [height, width, channels] = kernelShape(weight);
  return channelsFirst({ ...weight, shape: [height, width, 1, channels] });
}
