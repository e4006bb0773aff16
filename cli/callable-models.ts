// Which models a command can call by itself. A server can use more: an agent calls its tools.
import { UserError } from '../pipeline/contract/errors.ts';
import { AGENT_MODEL, isAgent } from '../pipeline/providers/agent-model.ts';
import { obstacleTo } from '../pipeline/providers/provider-registry.ts';

/** Throws a UserError about the first model that cannot be called, which would end a command only after its image has been read. */
export function checkCallable(models: readonly string[], settings: Readonly<Record<string, unknown>>): void {
  for (const model of models) {
    if (isAgent(model)) {
      throw new UserError(
        `The model ${AGENT_MODEL} is an agent that calls the tools of a server, and no agent can reach this command. Choose another model, or run tilesight serve or tilesight mcp.`,
      );
    }
    const obstacle = obstacleTo(model, settings);
    if (obstacle !== null) throw new UserError(obstacle);
  }
}
