// Errors about the names of executions, the same in every launcher.

export function nameTaken(executionId: string): string {
  return `Another request already has the name ${executionId}. Choose another idempotency_key.`;
}
