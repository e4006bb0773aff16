// The step gate admits steps at once, except near a suspect step: that one runs alone.
import { describe, expect, test } from 'vitest';
import { type InvocationGate, stepGate } from '../../../local/engine/step-gate.ts';

/** Starts steps in order. Returns the ids of the admitted ones, which grow while steps end. */
function starter(gate: InvocationGate): { admitted: string[]; start: (id: string, parentId?: string) => Promise<void> } {
  const admitted: string[] = [];
  return {
    admitted,
    async start(id, parentId) {
      void gate.stepStarts({ id, parentId }).then(() => admitted.push(id));
      await settled();
    },
  };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const inFlight = (gate: InvocationGate) => gate.inFlight().map(({ id }) => id);

describe('the step gate', () => {
  test('admits every step at once if there are no suspects', async () => {
    const gate = stepGate(new Map());
    const { admitted, start } = starter(gate);
    for (const id of ['a', 'b', 'c']) await start(id);
    expect(admitted).toEqual(['a', 'b', 'c']);
    gate.stepEnded('b');
    expect(inFlight(gate)).toEqual(['a', 'c']);
  });

  test('admits a suspect step only when no other step runs, and no other step while it runs', async () => {
    const gate = stepGate(new Map([['suspect', 1]]));
    const { admitted, start } = starter(gate);
    for (const id of ['a', 'suspect', 'b']) await start(id);
    expect(admitted).toEqual(['a']);
    gate.stepEnded('a');
    await settled();
    expect(inFlight(gate)).toEqual(['suspect']);
    gate.stepEnded('suspect');
    await settled();
    expect(admitted).toEqual(['a', 'suspect', 'b']);
  });

  test('admits two suspect steps one after the other, before all steps that wait', async () => {
    const suspects = new Map([
      ['first', 1],
      ['second', 2],
    ]);
    const gate = stepGate(suspects);
    const { admitted, start } = starter(gate);
    for (const id of ['first', 'a', 'second', 'b']) await start(id);
    expect(admitted).toEqual(['first']);
    gate.stepEnded('first');
    await settled();
    expect(inFlight(gate)).toEqual(['second']);
    gate.stepEnded('second');
    await settled();
    expect(admitted).toEqual(['first', 'second', 'a', 'b']);
  });

  test('releases the steps of a finished context, running and waiting ones', async () => {
    const gate = stepGate(new Map([['suspect', 1]]));
    const { admitted, start } = starter(gate);
    await start('suspect', 'map');
    await start('orphan', 'map');
    await start('after');
    expect(admitted).toEqual(['suspect']);
    gate.contextEnded(({ parentId }) => parentId === 'map');
    await settled();
    expect(admitted).toEqual(['suspect', 'orphan', 'after']);
    expect(inFlight(gate)).toEqual(['after']);
  });
});
