// Lets in only requests that are signed as an IAM Function URL wants them (SigV4 in headers), and refuses the others in the
// service's words. Signs the request again with the known key and compares. Knows nothing of MCP.
import { createHash, timingSafeEqual } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { AccessKey } from './access-keys.ts';

const SERVICE = 'lambda';
const SKEW_MINUTES = 5;
const SKEW_MS = SKEW_MINUTES * 60_000;
const CREDENTIAL = /^([A-Z0-9]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request$/;
const LONG_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

export interface IamGateDeps {
  keys: ReadonlyMap<string, AccessKey>;
  region: string;
  clock: Clock;
  log: Log;
}

/** The request with its body read, or what to answer in its place. */
export type Verdict = { request: Request; caller: AccessKey } | { refusal: Response };
export type IamGate = (request: Request) => Promise<Verdict>;

/** Reads whole bodies: belongs behind a limit of their size. */
export function iamGate({ keys, region, clock, log }: IamGateDeps): IamGate {
  return async (request) => {
    const claim = claimOf(request.headers);
    if (!claim) return refuse(UNSIGNED, null, log);
    const key = keys.get(claim.accessKeyId);
    if (!key) return refuse(UNKNOWN_KEY, claim, log);
    const fault = scopeFault(claim, region) ?? timeFault(claim, clock.now());
    if (fault) return refuse(fault, claim, log);

    const body = new Uint8Array(await request.arrayBuffer());
    const announcedHash = request.headers.get('x-amz-content-sha256');
    const asSigned = announcedHash === null || announcedHash === createHash('sha256').update(body).digest('hex');
    if (!asSigned || !(await isSignedBy(key, claim, request, body))) return refuse(WRONG_SIGNATURE, claim, log);
    log.debug({ principal: key.principal }, 'A signed request was let in.');
    const { url, method, headers, signal } = request;
    return { request: new Request(url, { method, headers, signal, body: body.length > 0 ? body : null }), caller: key };
  };
}

interface Claim {
  accessKeyId: string;
  day: string;
  region: string;
  service: string;
  /** As sent, such as 20261121T101500Z. */
  longDate: string;
  signedAt: Date;
  signedHeaders: string[];
  signature: string;
}

/** What the request says of its own signature; null when that is not the whole of what SigV4 asks for. */
function claimOf(headers: Headers): Claim | null {
  const [, list = ''] = headers.get('authorization')?.match(/^AWS4-HMAC-SHA256\s+(.+)$/) ?? [];
  const fields = new Map(list.split(',').map((field) => cut(field.trim(), '=')));
  const [, accessKeyId, day, region, service] = fields.get('Credential')?.match(CREDENTIAL) ?? [];
  const signature = fields.get('Signature') ?? '';
  const signedHeaders = fields.get('SignedHeaders')?.split(';') ?? [];
  const longDate = headers.get('x-amz-date') ?? '';
  const signedAt = new Date(longDate.replace(LONG_DATE, '$1-$2-$3T$4:$5:$6Z'));
  if (!accessKeyId || !day || !region || !service) return null;
  if (!/^[0-9a-f]{64}$/.test(signature) || !LONG_DATE.test(longDate) || Number.isNaN(signedAt.getTime())) return null;
  const mustBeSigned = ['host', 'x-amz-date', ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  if (!mustBeSigned.every((name) => signedHeaders.includes(name))) return null;
  return { accessKeyId, day, region, service, longDate, signedAt, signedHeaders, signature };
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

interface Fault {
  type: string;
  body: { Message: string } | { message: string };
}

// The service's own words, so that a client meets here what it will meet there.
const UNSIGNED: Fault = { type: 'AccessDeniedException', body: { Message: 'Forbidden' } };
const UNKNOWN_KEY: Fault = {
  type: 'UnrecognizedClientException',
  body: { message: 'The security token included in the request is invalid.' },
};
const WRONG_SIGNATURE = invalid(
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and ' +
    'signing method. Consult the service documentation for details.',
);

function invalid(message: string): Fault {
  return { type: 'InvalidSignatureException', body: { message } };
}

function scopeFault({ region, service, day, longDate }: Claim, regionHere: string): Fault | null {
  if (region !== regionHere) return invalid('Credential should be scoped to a valid region.');
  if (service !== SERVICE) return invalid(`Credential should be scoped to correct service: '${SERVICE}'.`);
  if (!longDate.startsWith(day))
    return invalid(`Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.`);
  return null;
}

function timeFault({ longDate, signedAt }: Claim, now: Date): Fault | null {
  const [earliest, latest] = [now.getTime() - SKEW_MS, now.getTime() + SKEW_MS].map((ms) => new Date(ms)) as [Date, Date];
  const limits = (sign: string) => `(${longDateOf(now)} ${sign} ${SKEW_MINUTES} min.)`;
  if (signedAt < earliest)
    return invalid(`Signature expired: ${longDate} is now earlier than ${longDateOf(earliest)} ${limits('-')}`);
  if (signedAt > latest)
    return invalid(`Signature not yet current: ${longDate} is still later than ${longDateOf(latest)} ${limits('+')}`);
  return null;
}

function longDateOf(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** Some clients sign the host without its port, though they send it with one. */
async function isSignedBy(key: AccessKey, claim: Claim, request: Request, body: Uint8Array): Promise<boolean> {
  const host = request.headers.get('host') ?? new URL(request.url).host;
  const hosts = new Set([host, host.replace(/:\d+$/, '')]);
  const signatures = await Promise.all([...hosts].map((name) => signatureOf(key, claim, request, body, name)));
  const sent = Buffer.from(claim.signature);
  return signatures.filter((signature) => timingSafeEqual(Buffer.from(signature), sent)).length > 0;
}

async function signatureOf(key: AccessKey, claim: Claim, request: Request, body: Uint8Array, host: string): Promise<string> {
  const url = new URL(request.url);
  const signed = claim.signedHeaders.map((name): [string, string] => [name, request.headers.get(name) ?? '']);
  const query = Object.fromEntries([...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name)]));
  const signer = new SignatureV4({
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    region: claim.region,
    service: claim.service,
    sha256: Sha256,
    applyChecksum: false, // a header that the client did not sign must not enter the sum
  });
  const again = await signer.sign(
    new HttpRequest({
      method: request.method,
      path: url.pathname,
      query,
      headers: { ...Object.fromEntries(signed), host },
      body,
    }),
    { signingDate: claim.signedAt, signableHeaders: new Set(claim.signedHeaders) },
  );
  return again.headers.authorization?.match(/Signature=([0-9a-f]{64})$/)?.[1] ?? '0'.repeat(64);
}

function refuse({ type, body }: Fault, claim: Claim | null, log: Log): Verdict {
  log.warn({ access_key_id: claim?.accessKeyId ?? null, fault: type }, 'A request was refused for its signature.');
  return { refusal: Response.json(body, { status: 403, headers: { 'x-amzn-errortype': type } }) };
}
