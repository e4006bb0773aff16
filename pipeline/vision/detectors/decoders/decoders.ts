// One decoder for each layout.
import type { LayoutName } from '../layouts.ts';
import { nanodet, nanodetPlus, yolox } from './grids.ts';
import type { Decode } from './outputs.ts';
import { detr, picodet, rfdetr, rtdetr, rtdetrHf, rtdetrUltralytics } from './queries.ts';
import { endToEnd, yolov5, yolov8 } from './yolo-outputs.ts';

export const DECODERS = {
  yolov8: yolov8('none'),
  'yolov8-seg': yolov8('mask'),
  'yolov8-obb': yolov8('angle'),
  yolov5: yolov5('none'),
  'yolov5-seg': yolov5('mask'),
  'yolo-end2end': endToEnd('none'),
  'yolo-end2end-seg': endToEnd('mask'),
  'yolo-end2end-obb': endToEnd('angle'),
  yolox,
  rtdetr,
  'rtdetr-ultralytics': rtdetrUltralytics,
  'rtdetr-hf': rtdetrHf,
  detr,
  rfdetr,
  nanodet,
  'nanodet-plus': nanodetPlus,
  picodet,
  'rtdetr-paddle': picodet,
} as const satisfies Record<LayoutName, Decode>;
