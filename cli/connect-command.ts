// `tilesight connect URL`: a stdio MCP server that signs and forwards every message to an IAM Function URL, or to a server that wants a
// token, for clients that can do neither.
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import {
  SdkHttpError,
  StreamableHTTPClientTransport,
  type StreamableHTTPClientTransportOptions,
} from '@modelcontextprotocol/client';
import { z } from 'zod';
import { sentenceOf, UserError } from '../pipeline/contract/errors.ts';
import { signedFetch } from './signed-fetch.ts';
import { forward } from './stdio/forward.ts';

const ConnectOptions = z.strictObject({ region: z.string().optional() });

const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);
const FUNCTION_URL_REGION = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/;

/** `values` are commander's. Resolves when the client has closed standard input. */
export async function connectCommand(address: string, values: unknown): Promise<void> {
  const { region } = ConnectOptions.parse(values);
  const url = URL.parse(address);
  if (!url || !['https:', 'http:'].includes(url.protocol))
    throw new UserError(`${address} is not an https:// URL. Use the Function URL of the deployment, which ends in .on.aws.`);
  await forward(new StreamableHTTPClientTransport(url, await accessTo(url, region)), { sentenceFor }).ended;
}

/** Signs requests, or adds a token to them. Those that stay on this machine may need neither. */
async function accessTo(url: URL, region: string | undefined): Promise<StreamableHTTPClientTransportOptions> {
  const signFor = region ?? url.hostname.match(FUNCTION_URL_REGION)?.[1];
  if (signFor) return { fetch: signedFetch({ region: signFor, credentials: defaultProvider() }) };
  const headers = await (await import('./server-key.ts')).keyHeaders(url);
  if (Object.keys(headers).length > 0 || LOOPBACK_NAMES.has(url.hostname)) return { requestInit: { headers } };
  throw new UserError(
    'The URL contains no region to sign for. Add --region, for example --region us-east-1, or set TILESIGHT_TOKEN to the token of the server.',
  );
}

function sentenceFor(error: unknown): string {
  const own = sentenceOf(error);
  if (own) return own;
  if (error === null) return 'The server closed the connection before it answered. Send the request again.';
  if (!(error instanceof SdkHttpError)) return 'Cannot connect to the server. Check the URL, then try again.';
  if (error.status === 401)
    return 'The server rejected the request without its token. Set TILESIGHT_TOKEN to the token of the server, then restart the client.';
  if (error.status === 403)
    return (
      'The server rejected the signature. Check the credentials, the region and the clock, and that the caller is allowed ' +
      'lambda:InvokeFunctionUrl and lambda:InvokeFunction.'
    );
  return `The server answered with HTTP status ${error.status}. Check the URL, then try again.`;
}
