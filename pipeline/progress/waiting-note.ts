// The note of an execution that waits because a model is throttled. It is there for as long as the execution waits.

const WAITING = "Waiting for the model's quota; the analysis continues by itself.";

/** `reason`: the sentence of the error. Its advice to try again is left out: that happens anyway. */
export function waitingNote(reason: string): string {
  const [cause = reason] = reason.split('. ');
  return `${WAITING} ${cause.replace(/\.$/, '')}.`;
}

/** Those of an execution that has ended. */
export function withoutWaitingNote(notes: readonly string[]): string[] {
  return notes.filter((note) => !note.startsWith(WAITING));
}
