// Builds the graph of a small detector: it finds the box of what is red and of what is blue. The layouts are in detector-files.ts.
import { OnnxGraphBuilder } from '../../models/onnx-graph-builder.ts';
import { LAYOUTS, type LayoutName } from '../../pipeline/vision/detectors/layouts.ts';

/** The size of the input of every file, in pixels. It is not square: width and height must not be confused. */
export const INPUT = { width: 320, height: 256 };
export const SCORES = { red: 0.9, blue: 0.8 } as const;
/** How far the boxes of -obb files are turned, in radians. */
export const ANGLE = 0.5;
/** The third class detects nothing: a wrong count of classes shifts the columns. */
export const LABELS = ['red', 'blue', 'green'];

export interface FoundObject {
  label: number;
  score: number;
  /** Tensors of one value, in pixels of the input. */
  box: Record<'x' | 'y' | 'width' | 'height' | 'left' | 'top' | 'right' | 'bottom', string>;
  /** The plane in which the object is 1, as [1, 1, H, W]. */
  plane: string;
}

export class DetectorWriter {
  readonly graph = new OnnxGraphBuilder();
  readonly #layout: LayoutName;

  constructor(layout: LayoutName) {
    this.#layout = layout;
  }

  /** Undoes the normalization, then measures what is red and what is blue. */
  objects(input: string): FoundObject[] {
    const { mean, std, scale, colors } = LAYOUTS[this.#layout];
    const perPlane = (values: readonly number[]) => this.reshape(this.graph.float32s(values), [1, 3, 1, 1]);
    const shifted = this.graph.add('Add', [this.graph.add('Mul', [input, perPlane(std)], {}), perPlane(mean)], {});
    const planes = scale === '0-1' ? shifted : this.graph.add('Div', [shifted, this.graph.float32(255)], {});
    const plane = (color: string) => this.graph.add('Gather', [planes, this.graph.int64s([colors.indexOf(color)])], { axis: 1 });
    const beyondGreen = (color: string) => this.graph.add('Relu', [this.graph.add('Sub', [plane(color), plane('g')], {})], {});
    return [
      { label: 0, score: SCORES.red, ...this.#boxOf(beyondGreen('r')) },
      { label: 1, score: SCORES.blue, ...this.#boxOf(beyondGreen('b')) },
    ];
  }

  #boxOf(plane: string): Pick<FoundObject, 'box' | 'plane'> {
    const [x, width] = this.#extent(plane, [0, 1, 2], INPUT.width);
    const [y, height] = this.#extent(plane, [0, 1, 3], INPUT.height);
    const edge = (op: 'Add' | 'Sub', center: string, size: string) => this.graph.add(op, [center, this.times(size, 0.5)], {});
    const box = {
      x,
      y,
      width,
      height,
      left: edge('Sub', x, width),
      right: edge('Add', x, width),
      top: edge('Sub', y, height),
      bottom: edge('Add', y, height),
    };
    return { box, plane };
  }

  /** Center and length of the profile along an axis. Sums of partly covered pixels make them exact to a fraction of a pixel. */
  #extent(plane: string, axes: readonly number[], length: number): [center: string, length: string] {
    const profile = this.graph.add('ReduceMax', [plane], { axes, keepdims: 0 });
    const places = this.graph.float32s(Array.from({ length }, (_, index) => index + 0.5));
    const sum = (tensor: string) => this.graph.add('ReduceSum', [tensor, this.graph.int64s([0])], { keepdims: 1 });
    const total = sum(profile);
    return [this.graph.add('Div', [sum(this.graph.add('Mul', [profile, places], {})), total], {}), total];
  }

  times(tensor: string, factor: number): string {
    return this.graph.add('Mul', [tensor, this.graph.float32(factor)], {});
  }

  plus(tensor: string, value: number): string {
    return this.graph.add('Add', [tensor, this.graph.float32(value)], {});
  }

  log(tensor: string): string {
    return this.graph.add('Log', [tensor], {});
  }

  value(value: number): string {
    return this.graph.float32s([value]);
  }

  reshape(tensor: string, shape: readonly number[]): string {
    return this.graph.add('Reshape', [tensor, this.graph.int64s(shape)], {});
  }

  /** [1, count, columns]: the rows at their places, `filler` everywhere else. */
  table(rows: ReadonlyMap<number, readonly string[]>, count: number, columns: number, filler = 0): string {
    const parts: string[] = [];
    let next = 0;
    const fill = (until: number) => {
      if (until > next) parts.push(this.graph.float32s(Array.from({ length: (until - next) * columns }, () => filler)));
    };
    for (const [place, values] of rows) {
      fill(place);
      if (values.length !== columns) throw new Error(`Expected ${columns} columns, not ${values.length}.`);
      parts.push(...values);
      next = place + 1;
    }
    fill(count);
    return this.reshape(this.graph.add('Concat', parts, { axis: 0 }), [1, count, columns]);
  }

  /** As many columns as LABELS, with the score of the object in that of its label. */
  classes({ label, score }: FoundObject): string[] {
    return LABELS.map((_, index) => this.value(index === label ? score : 0));
  }
}
