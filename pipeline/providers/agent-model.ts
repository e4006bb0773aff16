// The model id of the agent that called: it detects in tiles that it gets as images, and reports them. Pure.
import type { ModelId } from '../contract/schemas.ts';

export const AGENT_MODEL: ModelId = 'agent:';

export const isAgent = (model: ModelId | null): boolean => model === AGENT_MODEL;
