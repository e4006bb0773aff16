// Turns events of a Lambda Function URL into MCP requests, and answers into results of the function. Takes the caller from what IAM has
// authenticated; knows nothing of tools.
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { Log } from '../../pipeline/ports.ts';
import type { Caller } from '../access/deps.ts';
import { BODY_TOO_LARGE, MCP_BODY_BYTES_MAX } from '../access/http-limits.ts';

/** The limit of a buffered answer, as JSON: Lambda quotas, "Invocation payload". Lambda itself refuses larger requests. */
const ANSWER_BYTES_MAX = 6_291_456;
const JSON_GROWTH_MAX = 6; // a control character becomes \u0000
const INTERNAL_ERROR = -32603; // JSON-RPC 2.0, section 5.1

const ANSWER_TOO_LARGE = 'The answer is larger than 6 MB. Ask for less: a smaller max_px or limit, or fewer requests at once.';
const NO_CALLER = 'The request has no caller. Set the auth type of the function URL to AWS_IAM.';

export interface FunctionUrlDeps {
  mcp: (request: Request, caller: Caller) => Promise<Response>;
  log: Log;
}

type Answer = Awaited<ReturnType<ReturnType<typeof handle>>>;

/** The handler of a function whose URL is of type AWS_IAM and answers in one piece (BUFFERED). MCP is at `/` and at `/mcp`. */
export function functionUrlHandler({
  mcp,
  log,
}: FunctionUrlDeps): (event: LambdaEvent, context: LambdaContext) => Promise<Answer> {
  const app = new Hono<{ Bindings: { event: unknown } }>();
  const limit = bodyLimit({ maxSize: MCP_BODY_BYTES_MAX, onError: (context) => context.text(`${BODY_TOO_LARGE}\n`, 413) });
  app.on(['GET', 'POST', 'DELETE'], ['/', '/mcp'], limit, async (context) => {
    const caller = callerOf(context.env.event);
    return caller ? await mcp(context.req.raw, caller) : context.text(`${NO_CALLER}\n`, 403);
  });
  app.notFound((context) =>
    context.text('MCP is served at / and at /mcp. Connect to the function URL without another path.\n', 404),
  );
  app.onError((error, context) => {
    log.error({ error }, 'A request failed unexpectedly.');
    return context.text('Internal error. See the server log for the cause.\n', 500);
  });
  // Text stays text: by default a stream of events would be base64, a third larger.
  const handler = handle(app, { isContentTypeBinary: (type) => !/^(text\/|application\/json)/.test(type) });
  return async (event, context) => {
    const answer = await handler(event, context);
    return fits(answer) ? answer : tooLarge(event);
  };
}

/** The caller of a session is its role: sessions are short-lived, and their names are free to choose. */
const Event = z.object({
  requestContext: z.object({ authorizer: z.object({ iam: z.object({ callerId: z.string().min(1), userArn: z.string() }) }) }),
});

function callerOf(event: unknown): Caller | null {
  const iam = Event.safeParse(event).data?.requestContext.authorizer.iam;
  const [id] = iam?.callerId.split(':') ?? [];
  return iam && id ? { id, name: iam.userArn } : null;
}

function fits(answer: Answer): boolean {
  const { length } = answer.body;
  return length * JSON_GROWTH_MAX < ANSWER_BYTES_MAX || Buffer.byteLength(JSON.stringify(answer)) <= ANSWER_BYTES_MAX;
}

/** A JSON-RPC error, so that the client passes the sentence on. */
function tooLarge(event: LambdaEvent): Answer {
  const error = { code: INTERNAL_ERROR, message: ANSWER_TOO_LARGE };
  const body = JSON.stringify({ jsonrpc: '2.0', id: idOf(event), error });
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body, isBase64Encoded: false };
}

const RequestWithId = z.object({ id: z.union([z.string(), z.number()]) });

function idOf({ body, isBase64Encoded }: { body?: string | null; isBase64Encoded?: boolean }): string | number | null {
  if (!body) return null;
  try {
    return RequestWithId.parse(JSON.parse(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8').toString())).id;
  } catch {
    return null; // JSON-RPC 2.0, section 5: the id of a request that cannot be read
  }
}
