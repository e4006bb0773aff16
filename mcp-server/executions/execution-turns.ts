// Starts and deletions of one execution take turns: none may delete what another has begun to store, or read what another deletes. Within
// this process: on AWS, the service keeps the name of a deleted execution.
import { lru } from '../../pipeline/contract/lru.ts';

const TURNS_KEPT_MAX = 1_000;

const turns = lru<string, Promise<void>>(TURNS_KEPT_MAX);

/** Does the work once all earlier work with any of these executions has ended. */
export async function inTurn<T>(executionIds: readonly string[], work: () => Promise<T>): Promise<T> {
  const earlier = executionIds.map((id) => turns.get(id));
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  for (const id of executionIds) turns.set(id, ended);
  try {
    await Promise.all(earlier);
    return await work();
  } finally {
    resolve();
  }
}
