// Files that look like detectors, and crash, never end or take all memory once they run.
import { onnxFile } from '../../models/onnx-file.ts';
import { OnnxGraphBuilder } from '../../models/onnx-graph-builder.ts';

const INPUT = [1, 3, 320, 320];
const OUTPUT = [1, 7, 2_100]; // yolov8 with three classes

/** `compute` returns a tensor of any shape, whose mean goes into every output. */
function file(compute: (graph: OnnxGraphBuilder, seed: string) => string): Uint8Array {
  const graph = new OnnxGraphBuilder();
  // From the image, so that no optimizer computes anything beforehand.
  const seed = graph.add('ReduceMean', ['images'], { keepdims: 0 });
  const mean = graph.add('ReduceMean', [compute(graph, seed)], { keepdims: 0 });
  graph.add('Expand', [mean, graph.int64s(OUTPUT)], {}, 'output0');
  const value = (name: string, shape: number[]) => ({ name, shape });
  return onnxFile(
    {
      name: 'hostile',
      inputs: [value('images', INPUT)],
      outputs: [value('output0', OUTPUT)],
      constants: graph.constants,
      nodes: graph.nodes,
    },
    'tests',
  );
}

/** 500 products of matrices of 4,096 x 4,096: 34 trillion operations each are hours. */
export function endlessDetector(): Uint8Array {
  return file((graph, seed) => {
    const matrix = graph.add('Expand', [seed, graph.int64s([4_096, 4_096])], {});
    let product = matrix;
    for (let index = 0; index < 500; index++) product = graph.add('MatMul', [product, matrix], {});
    return product;
  });
}

/** `Loop` without a count and with a condition that stays true. Without the image in it, an optimizer runs it as it loads the model. */
export function loopingDetector(from: 'the image' | 'a constant'): Uint8Array {
  return file((graph, seed) => {
    const value = (name: string, element: 'int64' | 'bool' | 'float32') => ({ name, shape: [], element });
    const body = {
      name: 'body',
      inputs: [value('count', 'int64'), value('goes_on', 'bool'), value('before', 'float32')],
      outputs: [value('still', 'bool'), value('after', 'float32')],
      constants: [],
      nodes: [
        { op: 'Identity', inputs: ['goes_on'], outputs: ['still'], attributes: {} },
        { op: 'Sin', inputs: ['before'], outputs: ['after'], attributes: {} },
      ],
    };
    const always = graph.constant([], 'bool', Uint8Array.of(1));
    const start = from === 'the image' ? seed : graph.float32(0.5);
    const ended = graph.add('Loop', ['', always, start], { body: { graph: body } });
    return graph.add('Add', [ended, seed], {});
  });
}

/** 64 tensors of 256 MB that are needed at the same time. */
export function greedyDetector(): Uint8Array {
  return file((graph, seed) => {
    const large = (index: number) =>
      graph.add('Expand', [graph.add('Add', [seed, graph.float32(index)], {}), graph.int64s([1, 64, 1_024, 1_024])], {});
    return graph.add(
      'Concat',
      Array.from({ length: 64 }, (_, index) => large(index)),
      { axis: 0 },
    );
  });
}

/** Each of two nodes needs the other one. */
export function circularDetector(): Uint8Array {
  return file((graph, seed) => {
    graph.add('Add', [seed, 'second'], {}, 'first');
    return graph.add('Add', ['first', seed], {}, 'second');
  });
}
