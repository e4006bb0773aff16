// A proxy in front of a store, on loopback: a test can answer some requests itself. Checks signed links as S3 does, because moto does
// not.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Answers the request and returns true, or returns false to forward it to the store. */
export type Doorman = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Door {
  endpoint: string;
  /** `GET /bucket/key?query`, in order of arrival. */
  requests: string[];
}

export async function storeDoor(doorman: Doorman, store?: string): Promise<Door> {
  const requests: string[] = [];
  const server = createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    if (doorman(incoming, response)) return incoming.resume();
    if (store) return passOn(incoming, response, store);
    response.writeHead(501).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function passOn(incoming: IncomingMessage, response: ServerResponse, store: string): void {
  const { method = '', headers, url } = incoming;
  const onward = request(`${store}${url}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  incoming.pipe(onward);
}

/** Checks requests with a signed link, as they arrive on the wire, and refuses anything that the link does not cover. */
export function checksLinks(secret: string): Doorman {
  return (incoming, response) => {
    const [path = '', query = ''] = (incoming.url ?? '').split('?');
    const parameters = new URLSearchParams(query);
    const given = Buffer.from(parameters.get('X-Amz-Signature') ?? '');
    const right = Buffer.from(signatureOf(incoming, path, parameters, secret));
    if (given.length === right.length && timingSafeEqual(given, right)) return false;
    response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
    return true;
  };
}

/** Signature Version 4 in the query, with the payload unsigned: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
function signatureOf({ method, headers }: IncomingMessage, path: string, parameters: URLSearchParams, secret: string): string {
  const signedHeaders = parameters.get('X-Amz-SignedHeaders') ?? '';
  const [, ...scope] = (parameters.get('X-Amz-Credential') ?? '').split('/');
  const query = [...parameters]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map((pair) => pair.map(encoded).join('='))
    .sort();
  const lines = signedHeaders.split(';').map((name) => `${name}:${headers[name] ?? ''}\n`);
  const canonical = [method, path, query.join('&'), lines.join(''), signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', parameters.get('X-Amz-Date'), scope.join('/'), hash].join('\n');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex');
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
