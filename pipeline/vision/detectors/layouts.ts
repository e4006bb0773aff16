// The layouts of ONNX detectors: how each family is fed, and which thresholds its authors use. A row fills in detector.json; a person may
// correct it there. Knows no tensor: decoders/ has a decoder for each row, layout-rules.ts recognizes them.
import { z } from 'zod';

interface Layout {
  /** The families that have this layout, for people. */
  families: string;
  /** The shapes of the outputs, for people: C classes, N candidates, Q queries. */
  outputs: string;
  colors: 'rgb' | 'bgr';
  /** The range of a color value before mean and deviation. */
  scale: '0-1' | '0-255';
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
  /** How a tile fits into the input: centered or at the top left with its aspect ratio, or stretched. */
  fit: 'center' | 'top-left' | 'stretch';
  scoreMin: number;
  /** `null` if the model does not need NMS. */
  nmsIou: number | null;
  /** The side of the input if the file leaves it open. */
  edgePx: number;
}

const PLAIN = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

// https://docs.ultralytics.com/modes/predict: conf 0.25, iou 0.7
const ULTRALYTICS = { ...PLAIN, colors: 'rgb', scale: '0-1', fit: 'center', scoreMin: 0.25, edgePx: 640 } as const;
const DETR = { ...PLAIN, colors: 'rgb', scale: '0-1', fit: 'stretch', scoreMin: 0.5, nmsIou: null, edgePx: 640 } as const;
// Blue, green, red: https://github.com/RangiLyu/nanodet/blob/main/config/nanodet-plus-m_416.yml
const NANODET = {
  colors: 'bgr',
  scale: '0-255',
  mean: [103.53, 116.28, 123.675],
  std: [57.375, 57.12, 58.395],
  fit: 'stretch',
  scoreMin: 0.4,
  nmsIou: 0.6,
} as const;

export const LAYOUTS = {
  yolov8: { ...ULTRALYTICS, nmsIou: 0.7, families: 'YOLOv8, v9, 11, 12, YOLO-World', outputs: '[1, 4+C, N]' },
  'yolov8-seg': { ...ULTRALYTICS, nmsIou: 0.7, families: 'YOLOv8-seg, 11-seg', outputs: '[1, 4+C+32, N], [1, 32, H/4, W/4]' },
  'yolov8-obb': { ...ULTRALYTICS, nmsIou: 0.5, families: 'YOLOv8-obb, 11-obb', outputs: '[1, 4+C+1, N]' },
  yolov5: { ...ULTRALYTICS, nmsIou: 0.45, families: 'YOLOv5, v6, v7', outputs: '[1, N, 5+C]' },
  'yolov5-seg': { ...ULTRALYTICS, nmsIou: 0.45, families: 'YOLOv5-seg', outputs: '[1, N, 5+C+32], [1, 32, H/4, W/4]' },
  'yolo-end2end': { ...ULTRALYTICS, nmsIou: null, families: 'YOLOv10, YOLO26, exports with NMS', outputs: '[1, 300, 6]' },
  'yolo-end2end-seg': {
    ...ULTRALYTICS,
    nmsIou: null,
    families: 'YOLO26-seg, -seg exports with NMS',
    outputs: '[1, 300, 6+32], [1, 32, H/4, W/4]',
  },
  'yolo-end2end-obb': { ...ULTRALYTICS, nmsIou: null, families: 'YOLO26-obb, -obb exports with NMS', outputs: '[1, 300, 7]' },
  // With a threshold of 0.4 YOLOX-nano has its best F1 on tiles of its input size; the published pipeline uses 0.3 and 0.45.
  yolox: {
    ...PLAIN,
    colors: 'bgr',
    scale: '0-255',
    fit: 'top-left',
    scoreMin: 0.4,
    nmsIou: 0.45,
    edgePx: 640,
    families: 'YOLOX',
    outputs: '[1, N, 5+C]',
  },
  rtdetr: { ...DETR, families: 'RT-DETR, D-FINE, DEIM, from their own exporters', outputs: 'labels, boxes, scores' },
  'rtdetr-ultralytics': { ...DETR, families: 'RT-DETR from Ultralytics', outputs: '[1, Q, 4+C]' },
  'rtdetr-hf': { ...DETR, families: 'RT-DETR, D-FINE, from Hugging Face', outputs: 'logits [1, Q, C], pred_boxes [1, Q, 4]' },
  detr: {
    ...DETR,
    ...IMAGENET,
    edgePx: 800,
    families: 'DETR, YOLOS, Table Transformer, from Hugging Face',
    outputs: 'logits [1, Q, C+1], pred_boxes [1, Q, 4]',
  },
  rfdetr: { ...DETR, ...IMAGENET, edgePx: 560, families: 'RF-DETR', outputs: 'dets [1, Q, 4], labels [1, Q, C or C+1]' },
  nanodet: {
    ...NANODET,
    edgePx: 416,
    families: 'NanoDet',
    outputs: '[1, N, C+4·bins], or three of [1, N, C] and three of [1, N, 4·bins]',
  },
  'nanodet-plus': { ...NANODET, edgePx: 416, families: 'NanoDet-Plus', outputs: '[1, N, C+4·bins]' },
  picodet: {
    ...DETR,
    ...IMAGENET,
    scoreMin: 0.4,
    edgePx: 416,
    families: 'PicoDet, PP-YOLOE, with their postprocessing',
    outputs: '[n, 6], count',
  },
  'rtdetr-paddle': { ...DETR, families: 'RT-DETR from PaddlePaddle', outputs: '[n, 6], count' },
} as const satisfies Record<string, Layout>;

export const LayoutName = z.enum(Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[]);
export type LayoutName = z.infer<typeof LayoutName>;
