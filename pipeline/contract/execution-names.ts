// Words about names of executions that every launcher has in common.

export function nameTaken(executionId: string): string {
  return `Expected a new name for a new request, got ${executionId}, which another request has. Choose another idempotency_key.`;
}
