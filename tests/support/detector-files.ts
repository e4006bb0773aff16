// Writes an ONNX file in each layout of detectors. Each is a real detector: it finds the box of what is red and of what is blue in the
// pixels that it gets, and reports them as its family would. So a test sees every mistake in colors, scale, letterbox and decoding.
import { type OnnxValue, onnxFile } from '../../models/onnx-file.ts';
import type { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { FORMS } from './detector-forms.ts';
import { DetectorWriter, INPUT } from './detector-graph.ts';

export interface FileOptions {
  metadata?: Record<string, string>;
  /** Replaces the declared shapes, not the computation. */
  declared?: { input?: OnnxValue['shape']; outputs?: OnnxValue['shape'][] };
  /** Multiplies every value of the first output by it. */
  spoiled?: number;
}

/** A file whose labels are LABELS, unless the layout numbers them otherwise. */
export function detectorFile(layout: LayoutName, options: FileOptions = {}): Uint8Array {
  const writer = new DetectorWriter(layout);
  const form = FORMS[layout];
  const made = form.encode(writer, writer.objects('input'));
  const [name = 'images', ...more] = form.inputs;
  const names = made.map(({ name }) => name);
  const factor = options.spoiled === undefined ? null : writer.graph.float32(options.spoiled);
  made.forEach(({ tensor }, index) => {
    if (factor !== null && index === 0) writer.graph.add('Mul', [tensor, factor], {}, names[index]);
    else writer.graph.add('Identity', [tensor], {}, names[index]);
  });

  return onnxFile(
    {
      name: layout,
      inputs: [{ name, shape: options.declared?.input ?? [1, 3, INPUT.height, INPUT.width] }, ...more.map(sizeInput)],
      outputs: made.map(({ shape, element }, index) => ({
        name: names[index] ?? `output${index}`,
        shape: options.declared?.outputs?.[index] ?? shape,
        element: element ?? 'float32',
      })),
      constants: writer.graph.constants,
      nodes: writer.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((each) => (each === 'input' ? name : each)) })),
      ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
    },
    'tests',
  );
}

const sizeInput = (name: string): OnnxValue => ({
  name,
  shape: name === 'pixel_mask' ? [1, 32, 40] : [1, 2],
  element: name === 'orig_target_sizes' || name === 'pixel_mask' ? 'int64' : 'float32',
});
