// A Function URL without the network: a request becomes the event that Lambda gives to the function, as its documentation shows it,
// and the function's answer a response.
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import type { Caller } from '../../mcp-server/access/deps.ts';
import type { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';

const ACCOUNT = '123456789012';
const HOST = 'abcdefghij.lambda-url.us-east-1.on.aws';

/** An IAM user, or a session of a role. */
export const USER: Caller = { id: 'AIDACKCEVSQ6C2EXAMPLE', name: `arn:aws:iam::${ACCOUNT}:user/first` };
export const ROLE: Caller = { id: 'AROACKCEVSQ6C2EXAMPLE', name: `arn:aws:sts::${ACCOUNT}:assumed-role/second/a-session` };

type Handler = ReturnType<typeof functionUrlHandler>;

/** Every second body travels as base64, as Lambda does with what it does not take for text. */
export function functionUrlFetch(handler: Handler, caller: Caller | null) {
  let requests = 0;
  return async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const event = await eventOf(new Request(url, init), caller, requests++ % 2 === 1);
    const answer = await handler(event as unknown as LambdaEvent, {} as LambdaContext);
    const { statusCode, headers = {}, body, isBase64Encoded } = JSON.parse(JSON.stringify(answer));
    const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
    return new Response(bytes.length > 0 ? bytes : null, { status: statusCode, headers });
  };
}

export async function eventOf(request: Request, caller: Caller | null, base64: boolean): Promise<object> {
  const { pathname, searchParams } = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const callerId = caller?.id.startsWith('AROA') ? `${caller.id}:a-session` : caller?.id;
  const iam = {
    accessKey: 'AKIAIOSFODNN7EXAMPLE',
    accountId: ACCOUNT,
    callerId,
    cognitoIdentity: null,
    principalOrgId: 'o-example',
    userArn: caller?.name,
    userId: callerId,
  };
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: pathname,
    rawQueryString: searchParams.toString(),
    cookies: [],
    headers: { ...Object.fromEntries(request.headers), host: HOST, 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' },
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'abcdefghij',
      ...(caller && { authorizer: { iam } }),
      domainName: HOST,
      domainPrefix: 'abcdefghij',
      http: { method: request.method, path: pathname, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      requestId: 'e1506fd5-9e7b-434f-bd42-4f8fa224b599',
      routeKey: '$default',
      stage: '$default',
      time: '21/Nov/2026:09:22:22 +0000',
      timeEpoch: 1795252942000,
    },
    ...(body.length > 0 && { body: body.toString(base64 ? 'base64' : 'utf8') }),
    isBase64Encoded: base64,
  };
}
