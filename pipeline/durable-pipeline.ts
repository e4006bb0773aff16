// The pipeline as a durable function. Nothing that it armed outlives an invocation: between invocations the process may be frozen.
import {
  type DurableExecutionConfig,
  type DurableExecutionHandler,
  type DurableLambdaHandler,
  withDurableExecution,
} from '@aws/durable-execution-sdk-js';
import { CalibrationRequest, calibrateModel } from './calibration/calibrate-model.ts';
import type { Calibration } from './calibration/calibration-document.ts';
import { STEPS } from './contract/protocol.ts';
import { AnalysisRequest } from './contract/schemas.ts';
import { type InvocationEnd, invocationEnd } from './durable/invocation-end.ts';
import { retryThrottled } from './durable/retry-policy.ts';
import { type PipelineResult, runAnalysis } from './pipeline.ts';
import { ShardRequest } from './planning/shard-messages.ts';
import type { PipelineDeps } from './ports.ts';
import { runShard, type ShardAnswer } from './shard.ts';
import { loggingFailure } from './telemetry/log-context.ts';

/** Answers once progress is stored, timers are disarmed and events are published. */
export function durablePipeline(deps: PipelineDeps, config: DurableExecutionConfig = {}): DurableLambdaHandler {
  return async (event, context) => {
    const end = invocationEnd(deps.log);
    try {
      return await withDurableExecution(pipeline(deps, end), config)(event, context);
    } finally {
      await end.reached();
      await deps.events?.flush(); // what is stored last is published, too
    }
  };
}

/** For one invocation. The input is an AnalysisRequest, the ShardRequest of a parent execution, or a CalibrationRequest. */
function pipeline(
  deps: PipelineDeps,
  end: InvocationEnd,
): DurableExecutionHandler<unknown, PipelineResult | ShardAnswer | Calibration> {
  return async (input, context) => {
    const shard = ShardRequest.safeParse(input);
    if (shard.success) return await runShard(shard.data, context, end, deps);
    const calibration = CalibrationRequest.safeParse(input);
    if (!calibration.success) return await runAnalysis(AnalysisRequest.parse(input), context, end, deps);
    const { model } = calibration.data;
    return await context.step(
      STEPS.calibrate,
      loggingFailure(deps.log, { step: STEPS.calibrate, model }, () => calibrateModel(model, deps)),
      { retryStrategy: retryThrottled },
    );
  };
}
