// Turns events of a Lambda Function URL into requests to MCP, and answers back. Says who asks, by what IAM has found out; knows
// nothing of tools.
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { Log } from '../../pipeline/ports.ts';
import type { Caller } from '../access/deps.ts';
import { BODY_TOO_LARGE, MCP_BODY_BYTES_MAX } from '../access/http-limits.ts';

/** Of a buffered answer, as JSON: Lambda quotas, "Invocation payload". Lambda itself refuses larger requests. */
const ANSWER_BYTES_MAX = 6_291_456;
const JSON_GROWTH_MAX = 6; // a control character becomes \u0000
const INTERNAL_ERROR = -32603; // JSON-RPC 2.0, section 5.1

const TOO_MUCH =
  'Expected an answer of at most 6 MB, got a larger one. Ask for less: a smaller max_px or limit, or fewer things at once.';
const NOBODY =
  'Expected a request that IAM has let in, got one without a caller. Set the auth type of the function URL to AWS_IAM.';

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
    return caller ? await mcp(context.req.raw, caller) : context.text(`${NOBODY}\n`, 403);
  });
  app.notFound((context) => context.text('Expected / or /mcp, got another path. Connect to the URL as it is.\n', 404));
  app.onError((error, context) => {
    log.error({ error }, 'A request failed unexpectedly.');
    return context.text('Something inside failed. The log of this server says what.\n', 500);
  });
  // Words stay words; by default a stream of events would be base64, a third larger.
  const handler = handle(app, { isContentTypeBinary: (type) => !/^(text\/|application\/json)/.test(type) });
  return async (event, context) => {
    const answer = await handler(event, context);
    return fits(answer) ? answer : tooMuch(event);
  };
}

/** Sessions of a role come and go, and whoever may take the role chooses their names: the role itself is who asks. */
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

/** In the words of the protocol, so that the client gives them to whoever asked. */
function tooMuch(event: LambdaEvent): Answer {
  const error = { code: INTERNAL_ERROR, message: TOO_MUCH };
  const body = JSON.stringify({ jsonrpc: '2.0', id: idOf(event), error });
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body, isBase64Encoded: false };
}

const Asked = z.object({ id: z.union([z.string(), z.number()]) });

function idOf({ body, isBase64Encoded }: { body?: string | null; isBase64Encoded?: boolean }): string | number | null {
  try {
    return Asked.parse(JSON.parse(Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8').toString())).id;
  } catch {
    return null; // as JSON-RPC wants it where the request cannot be read
  }
}
