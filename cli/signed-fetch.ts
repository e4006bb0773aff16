// A fetch that signs requests with SigV4 for an IAM Function URL. Must not know MCP.
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4, type SignatureV4Init } from '@smithy/signature-v4';
import { UserError } from '../pipeline/contract/errors.ts';

const SERVICE = 'lambda';

type Credentials = Extract<SignatureV4Init['credentials'], (...options: never) => unknown>;

interface Signing {
  region: string;
  credentials: Credentials;
}

/** A body must be text. Rejects with a UserError if there are no credentials. */
export function signedFetch({ region, credentials }: Signing) {
  const signer = new SignatureV4({ service: SERVICE, region, sha256: Sha256, credentials: explained(credentials) });
  return async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    const { body = null, method = 'GET' } = init;
    if (body !== null && typeof body !== 'string') throw new TypeError('The body of a signed request must be text.');
    const query = Object.fromEntries([...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name)]));
    const headers = { ...Object.fromEntries(new Headers(init.headers)), host: url.host };
    const request = new HttpRequest({ method, path: url.pathname, query, headers, body: body ?? undefined });
    const signed = await signer.sign(request);
    return await fetch(url, { ...init, headers: signed.headers });
  };
}

/** With a sentence about missing credentials: the provider's own names every place where it searched. */
function explained(credentials: Credentials): Credentials {
  return async () => {
    try {
      return await credentials();
    } catch (cause) {
      throw new UserError('No usable AWS credentials in the environment, a profile or a role. Set AWS_PROFILE or sign in.', {
        cause,
      });
    }
  };
}
