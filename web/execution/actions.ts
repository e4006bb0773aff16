// The buttons of an execution: cancel, retry, delete. They call the tools that agents call.
import { byId } from '../shared/element.ts';
import * as read from '../shared/read.ts';
import { callTool } from '../shared/server-requests.ts';

const readStarted = read.fields({ execution_id: read.text });

export interface Actions {
  /** Whether the execution runs, and whether `retry_failed_tiles` has anything to work on. */
  offer(possible: { running: boolean; retry: boolean }): void;
}

export function actions(executionId: string): Actions {
  const cancel = byId('cancel', HTMLButtonElement);
  const retry = byId('retry', HTMLButtonElement);
  const remove = byId('delete', HTMLButtonElement);
  onPress(cancel, async () => {
    await callTool('cancel_execution', { execution_id: executionId }, read.anything);
  });
  onPress(retry, async () => {
    const { execution_id } = await callTool('retry_failed_tiles', { execution_id: executionId }, readStarted);
    location.assign(`/executions/${execution_id}`);
  });
  onPress(remove, async () => {
    if (!(await isConfirmed(byId('confirm-delete', HTMLDialogElement)))) return;
    await callTool('delete_execution', { execution_id: executionId }, read.anything);
    location.assign('/');
  });
  return {
    offer(possible) {
      cancel.hidden = !possible.running;
      retry.hidden = !possible.retry;
      remove.hidden = possible.running;
    },
  };
}

/** Escape and every button but Delete keep the execution. */
async function isConfirmed(dialog: HTMLDialogElement): Promise<boolean> {
  dialog.returnValue = '';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'delete';
}

/** The button is disabled while `work` runs. If it fails, its message is shown. */
function onPress(button: HTMLButtonElement, work: () => Promise<void>): void {
  button.addEventListener('click', () => {
    button.disabled = true;
    showProblem(null);
    void work()
      .catch((error: unknown) => showProblem(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        button.disabled = false;
      });
  });
}

/** `null` if there is no problem any more. */
export function showProblem(sentence: string | null): void {
  const problem = byId('problem', HTMLElement);
  problem.textContent = sentence;
  problem.hidden = sentence === null;
}
