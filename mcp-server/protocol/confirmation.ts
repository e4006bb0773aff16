// Asks the user before a tool does what cannot be undone, if the client can ask: clients of 2026-07-28 that declare elicitation by form.
// The protocol has no sessions: the client sends the same call again, with the user's answer.
import { acceptedContent, CLIENT_CAPABILITIES_META_KEY, inputRequired, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';

/** `{}` means by form. A client that declares only `url` shows no forms. */
const Elicitation = z.union([z.object({ form: z.looseObject({}) }), z.strictObject({})]);
const Declaration = z.object({ [CLIENT_CAPABILITIES_META_KEY]: z.object({ elicitation: Elicitation }) });
const Answer = z.object({ confirm: z.boolean().describe('Yes, do it.') });

/**
 * The question to the user, as the answer to the call; `null` if the user has confirmed, or the client cannot ask. Throws a UserError if
 * the user declined. `call` is everything that the user confirms: the answer to another question does not count.
 */
export async function questionBefore(call: string, question: string, { mcpReq }: ServerContext) {
  if (!Declaration.safeParse(mcpReq.envelope).success) return null;
  const responses = mcpReq.inputResponses;
  if (responses === undefined || !(call in responses)) {
    return inputRequired({ inputRequests: { [call]: inputRequired.elicit({ message: question, requestedSchema: Answer }) } });
  }
  if (acceptedContent(responses, call, Answer)?.confirm === true) return null;
  throw new UserError('The user did not confirm, so nothing was done.');
}
