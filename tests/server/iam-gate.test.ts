import { execFile, spawnSync } from 'node:child_process';
import { get, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { createSigV4Fetch, StreamableHTTPClientWithSigV4Transport } from '@aws/run-mcp-servers-with-aws-lambda';
import { Sha256 } from '@aws-crypto/sha256-js';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readAccessKeys } from '../../local/http/access-keys.ts';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { closedPort } from '../support/closed-port.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CREDENTIALS, keysFile, REGION, signedServer, TEMPORARY } from '../support/signed-server.ts';

const LIST = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
const ACCEPT = 'application/json, text/event-stream';
const MISMATCH = /^The request signature we calculated does not match the signature you provided\./;
const curlSigns = spawnSync('curl', ['--help', 'all'], { encoding: 'utf8' }).stdout?.includes('--aws-sigv4') ?? false;

interface Signing {
  body?: string;
  region?: string;
  service?: string;
  signedAt?: Date;
  secret?: string;
  accessKeyId?: string;
  headers?: Record<string, string>;
}

/** The headers of a request that is signed by the official signer. */
async function signedHeaders(url: string, signing: Signing = {}): Promise<Record<string, string>> {
  const { body = LIST, region = REGION, service = 'lambda', signedAt = new Date(), headers = {} } = signing;
  const { accessKeyId = CREDENTIALS.accessKeyId, secret: secretAccessKey = CREDENTIALS.secretAccessKey } = signing;
  const { host, pathname, searchParams } = new URL(url);
  const signer = new SignatureV4({ credentials: { accessKeyId, secretAccessKey }, region, service, sha256: Sha256 });
  const unsigned = new HttpRequest({
    method: 'POST',
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { host, accept: ACCEPT, 'content-type': 'application/json', ...headers },
    body,
  });
  return (await signer.sign(unsigned, { signingDate: signedAt })).headers;
}

async function posted(url: string, headers: Record<string, string>, body = LIST) {
  const response = await fetch(url, { method: 'POST', headers, body });
  return { status: response.status, type: response.headers.get('x-amzn-errortype'), text: await response.text() };
}

/** The service's error type and message of a refusal. */
async function refusal(url: string, headers: Record<string, string>, body = LIST): Promise<[string | null, string]> {
  const { status, type, text } = await posted(url, headers, body);
  expect(status).toBe(403);
  const { message, Message } = JSON.parse(text) as { message?: string; Message?: string };
  return [type, message ?? Message ?? ''];
}

async function endpoint(): Promise<string> {
  return `${(await signedServer()).url}/mcp`;
}

describe('a request with a valid signature is admitted', () => {
  test('from the AWS transport with the client of 2025', async () => {
    const url = new URL(await endpoint());
    const client = new Client2025({ name: 'test', version: '1' });
    onTestFinished(() => client.close());
    const transport = new StreamableHTTPClientWithSigV4Transport(url, {
      service: 'lambda',
      region: REGION,
      credentials: CREDENTIALS,
    });
    await client.connect(transport as Parameters<Client2025['connect']>[0]);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('analyze_image');
  });

  test('from the AWS fetch with a client of protocol 2026-07-28', async () => {
    const url = new URL(await endpoint());
    const fetch = createSigV4Fetch({ service: 'lambda', region: REGION, credentials: CREDENTIALS });
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    onTestFinished(() => client.close());
    await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('analyze_image');
  });

  test.skipIf(!curlSigns)('from curl --aws-sigv4 (skipped where curl is too old for it)', async () => {
    const url = await endpoint();
    const curl = async (scope: string) => {
      const args = ['-sS', '-w', '\n%{http_code}', '--aws-sigv4', scope, '-H', `accept: ${ACCEPT}`];
      const user = `${CREDENTIALS.accessKeyId}:${CREDENTIALS.secretAccessKey}`;
      const sent = ['--user', user, '-H', 'content-type: application/json', '--data', LIST, url];
      return (await promisify(execFile)('curl', [...args, ...sent])).stdout;
    };
    const answer = await curl(`aws:amz:${REGION}:lambda`);
    expect(answer).toContain('analyze_image');
    expect(answer).toMatch(/\n200$/);
    expect(await curl(`aws:amz:eu-west-1:lambda`)).toMatch(/valid region.*\n403$/s);
  });

  test('with or without the port in the signed host, and with a query', async () => {
    const url = await endpoint();
    const bare = await signedHeaders(url, { headers: { host: new URL(url).hostname } });
    expect((await posted(url, { ...bare, host: new URL(url).host })).status).toBe(200);
    const asked = `${url}?name=caf%C3%A9+au%20lait&empty=`;
    expect((await posted(asked, await signedHeaders(asked))).status).toBe(200);
  });

  test('a second time, within five minutes', async () => {
    const url = await endpoint();
    const headers = await signedHeaders(url, { signedAt: new Date(Date.now() - 240_000) });
    expect((await posted(url, headers)).status).toBe(200);
    expect((await posted(url, headers)).status).toBe(200);
  });
});

describe('any other request is refused with the messages of the service', () => {
  test('without a signature, or with one that is not SigV4', async () => {
    const url = await endpoint();
    const plain = { accept: ACCEPT, 'content-type': 'application/json' };
    expect(await refusal(url, plain)).toEqual(['AccessDeniedException', 'Forbidden']);
    for (const authorization of ['Bearer x', 'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host'])
      expect(await refusal(url, { ...plain, authorization })).toEqual(['AccessDeniedException', 'Forbidden']);
    expect((await fetch(url)).status).toBe(403);
  });

  test.each(['a b', '', 'gr\u00f6\u00dfe', 'a:b', 'a/b', '"a"'])(
    'with %j among the signed headers, which is no name',
    async (odd) => {
      const url = await endpoint();
      const headers = await signedHeaders(url);
      const authorization = (headers.authorization ?? '').replace('SignedHeaders=', `SignedHeaders=${odd};`);
      expect(authorization).toContain(`=${odd};`);
      expect(await refusal(url, { ...headers, authorization })).toEqual(['AccessDeniedException', 'Forbidden']);
    },
  );

  test('with another body than the signed one, whatever hash it announces', async () => {
    const url = await endpoint();
    const headers = await signedHeaders(url);
    const other = LIST.replace('tools/list', 'tools/call');
    const otherHash = (await signedHeaders(url, { body: other }))['x-amz-content-sha256'] ?? '';
    expect(await refusal(url, headers, other)).toEqual(['InvalidSignatureException', expect.stringMatching(MISMATCH)]);
    const announced = { ...headers, 'x-amz-content-sha256': otherHash };
    expect(await refusal(url, announced, other)).toEqual(['InvalidSignatureException', expect.stringMatching(MISMATCH)]);
    const unsignedBody = await signedHeaders(url, { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect((await refusal(url, unsignedBody))[1]).toMatch(MISMATCH);
  });

  test('with another path, header or signature than the signed one', async () => {
    const url = await endpoint();
    const headers = await signedHeaders(url, { headers: { 'mcp-method': 'tools/list' } });
    expect((await posted(url, headers)).status).toBe(200);
    expect((await refusal(`${url}?also=this`, headers))[1]).toMatch(MISMATCH);
    expect((await refusal(url, { ...headers, 'mcp-method': 'tools/call' }))[1]).toMatch(MISMATCH);
    const { authorization = '' } = headers;
    const changed = authorization.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    expect((await refusal(url, { ...headers, authorization: changed }))[1]).toMatch(MISMATCH);
    const fewer = authorization.replace('x-amz-content-sha256;', '');
    expect(await refusal(url, { ...headers, authorization: fewer })).toEqual(['AccessDeniedException', 'Forbidden']);
    expect((await refusal(url, { ...headers, 'x-amz-security-token': 'token' }))[1]).toBe('Forbidden');
  });

  test('for another region or service', async () => {
    const url = await endpoint();
    const region = await refusal(url, await signedHeaders(url, { region: 'eu-west-1' }));
    expect(region).toEqual(['InvalidSignatureException', 'Credential should be scoped to a valid region.']);
    const service = await refusal(url, await signedHeaders(url, { service: 'execute-api' }));
    expect(service).toEqual(['InvalidSignatureException', "Credential should be scoped to correct service: 'lambda'."]);
  });

  test('more than five minutes old, or more than five minutes ahead', async () => {
    const url = await endpoint();
    const at = async (ms: number) => (await refusal(url, await signedHeaders(url, { signedAt: new Date(Date.now() + ms) })))[1];
    expect(await at(-301_000)).toMatch(
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    );
    expect(await at(310_000)).toMatch(/^Signature not yet current: .* \+ 5 min\.\)$/);
  });

  test('with a key that is not in the file, or with the wrong secret', async () => {
    const url = await endpoint();
    const unknown = await refusal(url, await signedHeaders(url, { accessKeyId: 'AKIAI44QH8DHBEXAMPLE' }));
    expect(unknown).toEqual(['UnrecognizedClientException', 'The security token included in the request is invalid.']);
    expect((await refusal(url, await signedHeaders(url, { secret: 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY' })))[1]).toMatch(
      MISMATCH,
    );
  });

  test('with temporary credentials but without their session token', async () => {
    const url = await endpoint();
    const headers = await signedHeaders(url, { accessKeyId: TEMPORARY.accessKeyId });
    expect((await refusal(url, headers))[0]).toBe('UnrecognizedClientException');
    const whole = await signedHeaders(url, {
      accessKeyId: TEMPORARY.accessKeyId,
      headers: { 'x-amz-security-token': TEMPORARY.sessionToken },
    });
    expect((await posted(url, whole)).status).toBe(200);
  });

  test('with the session token of other credentials, although it is signed', async () => {
    const url = await endpoint();
    const headers = await signedHeaders(url, { headers: { 'x-amz-security-token': 'of-a-session' } });
    expect(headers.authorization).toContain('x-amz-security-token');
    expect(await refusal(url, headers)).toEqual([
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    ]);
  });

  test('from a page of another site, even if it is signed', async () => {
    const url = await endpoint();
    const { status, type } = await posted(url, await signedHeaders(url, { headers: { origin: 'https://example.com' } }));
    expect([status, type]).toEqual([403, null]);
  });
});

describe('the keys file', () => {
  test('is refused if anyone but the owner can read it', async () => {
    const file = await keysFile(undefined, 0o644);
    await expect(readAccessKeys(file)).rejects.toThrow(
      /Only the owner may have access to .*, but its mode is 644\. Run chmod 600/,
    );
  });

  test('is refused if it is missing or invalid, without showing its secrets', async () => {
    const secret = 'wJalrXUtnFEMI';
    for (const text of [
      `{"keys":[{"secret_access_key":"${secret}`,
      `{"keys":[{"secret_access_key":"${secret}"}]}`,
      '{"keys":[]}',
    ]) {
      const error: unknown = await readAccessKeys(await keysFile(text)).catch((fault: unknown) => fault);
      expect(error).toMatchObject({
        name: 'UserError',
        message: expect.stringMatching(/ must hold \{"keys".* It is invalid.* Correct the file\.$/),
      });
      expect(String(error)).not.toContain(secret);
    }
    await expect(readAccessKeys('/nowhere/keys.json')).rejects.toThrow(/\/nowhere\/keys\.json cannot be read\. Write \{"keys"/);
  });
});

describe('the address on which the server listens', () => {
  const options = async (host: string) => ({
    config: readConfig({}),
    dataFolder: await temporaryFolder(),
    allowedFolders: [],
    port: 0,
    host,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });

  test('is loopback unless requests are signed or bring a token', async () => {
    await expect(serve(await options('192.0.2.1'))).rejects.toThrow(
      /--host 192\.0\.2\.1 needs --auth iam or --auth token, because it is not a loopback address\./,
    );
    const server = await serve(await options('127.0.0.2'));
    onTestFinished(() => server.close());
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const rebound = await new Promise<IncomingMessage>((resolve) => {
      get(`${server.url}/healthz`, { headers: { host: 'example.com' } }, resolve); // fetch would overwrite the Host header
    });
    const text = Buffer.concat(await rebound.toArray()).toString();
    expect([rebound.statusCode, text]).toEqual([403, expect.stringContaining('Use http://127.0.0.2 with the port.')]);
  });

  test('is one address of this machine, because links carry it', async () => {
    const iam = { keys: await readAccessKeys(await keysFile()), region: REGION };
    for (const host of ['0.0.0.0', '::']) {
      await expect(serve({ ...(await options(host)), iam })).rejects.toThrow(
        /--host must be one address that callers can reach, not /,
      );
    }
    await expect(serve({ ...(await options('192.0.2.1')), iam })).rejects.toThrow(
      /--host 192\.0\.2\.1 is not an address of this machine\./,
    );
  });

  test('may be any address of this machine, if callers use another one: links carry that', async () => {
    const iam = { keys: await readAccessKeys(await keysFile()), region: REGION };
    const port = await closedPort();
    const publicUrl = 'https://tiles.example.com';
    const server = await serve({ ...(await options('0.0.0.0')), port, publicUrl, iam });
    onTestFinished(() => server.close());
    expect(server.url).toBe(publicUrl);
    const statusFor = (host: string) =>
      new Promise<number | undefined>((resolve) => {
        get(`http://127.0.0.1:${port}/healthz`, { headers: { host } }, ({ statusCode }) => resolve(statusCode));
      });
    expect([await statusFor('tiles.example.com'), await statusFor('127.0.0.1'), await statusFor('other.example.com')]).toEqual([
      200, 200, 403,
    ]);
    const params = { name: 'create_upload', arguments: { file_name: 'a.png', bytes: 1 } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const url = `http://127.0.0.1:${port}/mcp`;
    const response = await fetch(url, { method: 'POST', headers: await signedHeaders(url, { body }), body });
    expect(await response.text()).toContain(`${publicUrl}/blobs/`);
  });

  test.each([
    [
      ['--url', 'https://tiles.example.com'],
      '--url works only with --auth iam or --auth token. Add one of them, or leave --url out.',
    ],
    [
      ['--auth', 'iam', '--keys', 'KEYS', '--url', 'https://tiles.example.com/mcp'],
      '--url must be an address without a path, such as https://tilesight.example.com, not https://tiles.example.com/mcp.',
    ],
    [['--auth', 'iam'], '--auth iam needs --keys FILE.'],
    [['--host', '127.0.0.1'], '--host works only with --auth iam or --auth token. Add one of them, or leave --host out.'],
    [['--keys', 'keys.json'], '--keys works only with --auth iam. Add --auth iam, or leave --keys out.'],
  ])('serve %j is refused in a sentence', async (args, sentence) => {
    const given = await Promise.all(args.map((arg) => (arg === 'KEYS' ? keysFile() : arg)));
    const { code, stderr } = await runCommand(['serve', '--port', '0', '--data', await temporaryFolder(), ...given]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(sentence)]);
  });
});
