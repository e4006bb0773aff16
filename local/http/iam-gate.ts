// Admits only requests that are signed as for an IAM Function URL (SigV4 in headers), and refuses any other with the service's own
// messages. Signs each request again with the known key and compares the signatures. Must not know MCP.
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
const AUTHORIZATION = /^AWS4-HMAC-SHA256\s+(.+)$/;
/** A token of RFC 9110, section 5.6.2. Reading another name from `Headers` throws. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SIGNATURE = /^[0-9a-f]{64}$/;
const LONG_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

export interface IamGateDeps {
  keys: ReadonlyMap<string, AccessKey>;
  region: string;
  clock: Clock;
  log: Log;
}

/** The admitted request, with its body already read, or the response that refuses it. */
export type Verdict = { request: Request; caller: AccessKey } | { refusal: Response };
export type IamGate = (request: Request) => Promise<Verdict>;

/** Reads whole bodies, so it belongs behind a limit of their size. */
export function iamGate({ keys, region, clock, log }: IamGateDeps): IamGate {
  return async (request) => {
    const claim = claimOf(request.headers);
    if (!claim) return refuse(UNSIGNED, null, log);
    const key = keys.get(claim.accessKeyId);
    const token = request.headers.get('x-amz-security-token');
    if (!key || key.sessionToken !== token) return refuse(UNKNOWN_KEY, claim, log);
    const fault = scopeFault(claim, region) ?? timeFault(claim, clock.now());
    if (fault) return refuse(fault, claim, log);

    const body = new Uint8Array(await request.arrayBuffer());
    const announcedHash = request.headers.get('x-amz-content-sha256');
    const hashMatches = announcedHash === null || announcedHash === createHash('sha256').update(body).digest('hex');
    if (!hashMatches || !(await isSignedBy(key, claim, request, body))) return refuse(WRONG_SIGNATURE, claim, log);
    log.debug({ principal: key.principal }, 'Admitted a signed request.');
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

/** The parts of the request's signature; `null` unless it has every part that SigV4 requires. */
function claimOf(headers: Headers): Claim | null {
  const list = headers.get('authorization')?.match(AUTHORIZATION)?.[1];
  const longDate = headers.get('x-amz-date');
  if (!list || !longDate) return null;
  const fields = new Map(list.split(',').map((field) => splitAt(field.trim(), '=')));
  const [, accessKeyId, day, region, service] = fields.get('Credential')?.match(CREDENTIAL) ?? [];
  if (!accessKeyId || !day || !region || !service) return null;
  const signature = fields.get('Signature');
  if (!signature || !SIGNATURE.test(signature)) return null;
  const signedAt = new Date(longDate.replace(LONG_DATE, '$1-$2-$3T$4:$5:$6Z'));
  if (!LONG_DATE.test(longDate) || Number.isNaN(signedAt.getTime())) return null;
  const signedHeaders = fields.get('SignedHeaders')?.split(';') ?? [];
  if (!signedHeaders.every((name) => HEADER_NAME.test(name))) return null;
  const mustBeSigned = ['host', 'x-amz-date', ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  if (!mustBeSigned.every((name) => signedHeaders.includes(name))) return null;
  return { accessKeyId, day, region, service, longDate, signedAt, signedHeaders, signature };
}

function splitAt(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

interface Fault {
  type: string;
  body: { Message: string } | { message: string };
}

// The service's own messages: a client gets the same ones here and on AWS.
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
  const earliest = new Date(now.getTime() - SKEW_MS);
  const latest = new Date(now.getTime() + SKEW_MS);
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
  // A header that is listed but was not sent counts as empty, so that the signatures differ.
  const signed = claim.signedHeaders.map((name): [string, string] => [name, request.headers.get(name) ?? '']);
  const query = Object.fromEntries([...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name)]));
  const signer = new SignatureV4({
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    region: claim.region,
    service: claim.service,
    sha256: Sha256,
    applyChecksum: false, // it would add a header that the client did not sign
  });
  const signedAgain = await signer.sign(
    new HttpRequest({
      method: request.method,
      path: url.pathname,
      query,
      headers: { ...Object.fromEntries(signed), host },
      body,
    }),
    { signingDate: claim.signedAt, signableHeaders: new Set(claim.signedHeaders) },
  );
  const signature = signedAgain.headers.authorization?.match(/Signature=([0-9a-f]{64})$/)?.[1];
  if (!signature) throw new Error('The signer returned no signature.');
  return signature;
}

function refuse({ type, body }: Fault, claim: Claim | null, log: Log): Verdict {
  log.warn({ access_key_id: claim?.accessKeyId ?? null, fault: type }, 'Refused a request because of its signature.');
  return { refusal: Response.json(body, { status: 403, headers: { 'x-amzn-errortype': type } }) };
}
