// The pipeline as a durable function. Nothing that it armed outlives an invocation: between invocations the process may be frozen.
import { type DurableExecutionConfig, type DurableLambdaHandler, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { invocationEnd } from './durable/invocation-end.ts';
import { pipeline } from './pipeline.ts';
import type { PipelineDeps } from './ports.ts';

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
