// The notes of an execution that waits because a model is throttled, or for an agent. They are there for as long as the execution waits.

const FOR_AGENT = 'Waiting for the agent:';
const WAITING = "Waiting for the model's quota; the analysis continues by itself.";

/** `reason`: the sentence of the error. Its advice to try again is left out: that happens anyway. */
export function waitingNote(reason: string): string {
  const [cause = reason] = reason.split('. ');
  return `${WAITING} ${cause.replace(/\.$/, '')}.`;
}

/** `items` are pending. */
export function agentNote(items: number, what: 'tile' | 'finding'): string {
  return `${FOR_AGENT} ${items} ${what}${items === 1 ? '' : 's'}. next_tiles hands them out as images, report_tiles takes what is in them.`;
}

export function waitsForAgent(notes: readonly string[]): boolean {
  return notes.some((note) => note.startsWith(FOR_AGENT));
}

/** Those of an execution that has ended. */
export function withoutWaitingNote(notes: readonly string[]): string[] {
  return notes.filter((note) => !note.startsWith(WAITING) && !note.startsWith(FOR_AGENT));
}
