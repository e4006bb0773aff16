// Reads a TensorFlow.js graph model: its nodes by name and its weights as they are stored. Knows nothing of ONNX.
import { z } from 'zod';

const Strings = z.object({ list: z.object({ s: z.array(z.string()).default([]) }) });
const Integers = z.object({ list: z.object({ i: z.array(z.coerce.number()) }) });

/** The attributes of the converted models. Strings are base64 in the file. */
const Attributes = z.object({
  strides: Integers.optional(),
  ksize: Integers.optional(),
  dilations: Integers.optional(),
  squeeze_dims: Integers.optional(),
  padding: z.object({ s: z.string() }).optional(),
  data_format: z.object({ s: z.string() }).optional(),
  fused_ops: Strings.optional(),
  alpha: z.object({ f: z.number() }).optional(),
  half_pixel_centers: z.object({ b: z.boolean() }).optional(),
});

const Node = z.object({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: Attributes.default({}),
});
export type TfjsNode = z.infer<typeof Node>;

const WeightSpec = z.object({
  name: z.string(),
  shape: z.array(z.number().int()),
  dtype: z.enum(['float32', 'int32']),
  quantization: z
    .union([
      z.object({ dtype: z.literal('float16') }),
      z.object({ dtype: z.literal('uint8'), scale: z.number(), min: z.number() }),
    ])
    .optional(),
});

export const TfjsModelJson = z.object({
  modelTopology: z.object({ node: z.array(Node) }),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(WeightSpec) })),
});
export type TfjsModelJson = z.infer<typeof TfjsModelJson>;

/** How the elements of a weight are stored. The value of a `uint8` is element x scale + min. */
export type Storage =
  | { element: 'float32' }
  | { element: 'float16' }
  | { element: 'int32' }
  | { element: 'uint8'; scale: number; min: number };

export interface TfjsWeight {
  shape: number[];
  storage: Storage;
  /** Little-endian elements in row order. */
  bytes: Uint8Array;
}

export interface TfjsGraph {
  nodes: Map<string, TfjsNode>;
  weights: Map<string, TfjsWeight>;
}

export const ELEMENT_BYTES = { float32: 4, float16: 2, int32: 4, uint8: 1 } as const;

/** `weightBytes` is the concatenation of the files in the manifest. Throws if it has more or fewer bytes than the manifest describes. */
export function tfjsGraph(json: TfjsModelJson, weightBytes: Uint8Array): TfjsGraph {
  const weights = new Map<string, TfjsWeight>();
  let offset = 0;
  for (const spec of json.weightsManifest.flatMap((group) => group.weights)) {
    const storage = storageOf(spec);
    const length = spec.shape.reduce((product, size) => product * size, 1) * ELEMENT_BYTES[storage.element];
    weights.set(spec.name, { shape: spec.shape, storage, bytes: weightBytes.subarray(offset, offset + length) });
    offset += length;
  }
  if (offset !== weightBytes.length)
    throw new Error(`The manifest describes ${offset} bytes of weights, not ${weightBytes.length}.`);
  return { nodes: new Map(json.modelTopology.node.map((node) => [node.name, node])), weights };
}

function storageOf({ dtype, quantization }: z.infer<typeof WeightSpec>): Storage {
  if (quantization === undefined) return { element: dtype };
  if (quantization.dtype === 'float16') return { element: 'float16' };
  return { element: 'uint8', scale: quantization.scale, min: quantization.min };
}

/** The integers of a weight that holds a shape, an axis, a permutation or a padding. */
export function integers(weight: TfjsWeight): number[] {
  if (weight.storage.element !== 'int32') throw new Error(`The weight is ${weight.storage.element}, not int32.`);
  const view = new DataView(weight.bytes.buffer, weight.bytes.byteOffset, weight.bytes.byteLength);
  return Array.from({ length: weight.bytes.length / 4 }, (_, index) => view.getInt32(4 * index, true));
}
