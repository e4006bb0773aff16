// What runs local models. Pure.
import { z } from 'zod';

/** By the names of onnxruntime, which has each of them on some systems only. `wasm`: the CPU, without native code. */
export const ExecutionProvider = z.enum(['cpu', 'cuda', 'tensorrt', 'coreml', 'dml', 'webgpu', 'wasm']);
export type ExecutionProvider = z.infer<typeof ExecutionProvider>;
