// Which steps are being worked on in an invocation, so that a crash of its process has suspects. A suspect runs alone: what
// ended the process once, beside others, is known by the second time. Knows nothing of processes or disks.

/** One attempt of a step, as the SDK's instrumentation names it. */
export interface Body {
  id: string;
  name?: string | undefined;
  subType?: string | undefined;
  parentId?: string | undefined;
}

export interface BodyGate {
  /** Resolves when the body may run. */
  bodyBegins(body: Body): Promise<void>;
}

/** The process of an invocation is gone, or was killed because it hung: what it worked on may be why. */
export class ProcessLost extends Error {
  override name = 'ProcessLost';
}

export interface OpenGate extends BodyGate {
  /** The outcome of the attempt is on disk: until then a crash would lose it. */
  bodyEnded(id: string): void;
  /** What still runs under a finished context is never heard of again: nobody waits for it any more. */
  contextEnded(isUnder: (body: Body) => boolean): void;
  /** What has begun and not ended. */
  inFlight(): Body[];
}

export function bodyGate(suspects: ReadonlyMap<string, number>): OpenGate {
  const running = new Map<string, Body>();
  const line: { body: Body; go: () => void }[] = [];

  const mayRun = ({ id }: Body): boolean => {
    if (running.size === 0) return true;
    if (suspects.has(id)) return false;
    return ![...running.keys(), ...line.map(({ body }) => body.id)].some((other) => suspects.has(other));
  };
  const admit = (body: Body, go: () => void): void => {
    running.set(body.id, body);
    go();
  };
  const admitFromLine = (): void => {
    // Suspects first: everything else waits for them.
    const suspect = line.findIndex(({ body }) => suspects.has(body.id));
    if (suspect >= 0 && running.size > 0) return;
    const admitted = suspect >= 0 ? line.splice(suspect, 1) : line.splice(0);
    for (const { body, go } of admitted) admit(body, go);
  };

  return {
    bodyBegins(body) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (suspects.size === 0 || mayRun(body)) admit(body, resolve);
      else line.push({ body, go: resolve });
      return promise;
    },
    bodyEnded(id) {
      running.delete(id);
      if (line.length > 0) admitFromLine();
    },
    contextEnded(isUnder) {
      if (suspects.size === 0) return;
      for (const body of running.values()) if (isUnder(body)) running.delete(body.id);
      const orphans = line.filter(({ body }) => isUnder(body));
      for (const orphan of orphans) {
        line.splice(line.indexOf(orphan), 1);
        orphan.go();
      }
      if (line.length > 0) admitFromLine();
    },
    inFlight: () => [...running.values()],
  };
}
