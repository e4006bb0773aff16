// Tracks which steps an invocation is running, so that a crash of its process has suspects. A suspect step runs alone, so a second
// crash identifies the culprit. Must not know processes or disks.
import type { DurableInstrumentationPlugin } from '@aws/durable-execution-sdk-js';

/** One attempt of a step, as the SDK's instrumentation describes it. */
export interface StepAttempt {
  id: string;
  name?: string | undefined;
  subType?: string | undefined;
  parentId?: string | undefined;
}

/** The worker's side of the gate. */
export interface StepGate {
  /** Resolves when the step may run. */
  stepStarts(step: StepAttempt): Promise<void>;
}

/** The engine's side of the gate. */
export interface InvocationGate extends StepGate {
  /** Call once the outcome of the attempt is on disk: until then a crash would lose it. */
  stepEnded(id: string): void;
  /** Releases every step below a finished context: the SDK reports no outcome for them. */
  contextEnded(isInContext: (step: StepAttempt) => boolean): void;
  /** The steps that have started and not ended. */
  inFlight(): StepAttempt[];
}

/** The process of an invocation exited or hung and was killed. The steps in flight may be the cause. */
export class ProcessLost extends Error {
  override name = 'ProcessLost';
}

/** Makes the SDK ask the gate before every attempt of a step. */
export function stepGatePlugin(gate: StepGate): DurableInstrumentationPlugin {
  return {
    async wrapOperationAttemptFn({ id, name, subType, parentId }, attempt) {
      // A gate that rejects belongs to an invocation that is over: running the step does no harm, its checkpoint is refused.
      await gate.stepStarts({ id, name, subType, parentId }).catch(() => {});
      return await attempt();
    },
  };
}

/** `suspects`: for each step id, the number of crashes it was in flight for. */
export function stepGate(suspects: ReadonlyMap<string, number>): InvocationGate {
  const running = new Map<string, StepAttempt>();
  const queue: { step: StepAttempt; admit: () => void }[] = [];

  const mayRun = ({ id }: StepAttempt): boolean => {
    if (running.size === 0) return true;
    if (suspects.has(id)) return false;
    return ![...running.keys(), ...queue.map(({ step }) => step.id)].some((other) => suspects.has(other));
  };
  const run = (step: StepAttempt, admit: () => void): void => {
    running.set(step.id, step);
    admit();
  };
  const runFromQueue = (): void => {
    // Suspects go first: every other step waits for them.
    const suspect = queue.findIndex(({ step }) => suspects.has(step.id));
    if (suspect >= 0 && running.size > 0) return;
    const admitted = suspect >= 0 ? queue.splice(suspect, 1) : queue.splice(0);
    for (const { step, admit } of admitted) run(step, admit);
  };

  return {
    stepStarts(step) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (suspects.size === 0 || mayRun(step)) run(step, resolve);
      else queue.push({ step, admit: resolve });
      return promise;
    },
    stepEnded(id) {
      running.delete(id);
      if (queue.length > 0) runFromQueue();
    },
    contextEnded(isInContext) {
      if (suspects.size === 0) return;
      for (const step of running.values()) if (isInContext(step)) running.delete(step.id);
      const orphans = queue.filter(({ step }) => isInContext(step));
      for (const orphan of orphans) {
        queue.splice(queue.indexOf(orphan), 1);
        orphan.admit();
      }
      if (queue.length > 0) runFromQueue();
    },
    inFlight: () => [...running.values()],
  };
}
