// Reads the facts in errors of the AWS SDK. Pure. The adapter of each service decides what they mean.

/** The fields that the SDK adds. `$response` exists if the body could not be parsed. */
interface Facts {
  code?: unknown;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

const NETWORK_CODES = new Set<unknown>(
  'ECONNRESET ECONNREFUSED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN'.split(' '),
);

/** `status` is 0 if there was no answer. `lostOnTheWay`: the network failed, not the service. */
export function factsOf(error: unknown): { status: number; lostOnTheWay: boolean } {
  if (!(error instanceof Error)) return { status: 0, lostOnTheWay: false };
  const { code, $metadata, $response }: Error & Facts = error;
  return { status: $metadata?.httpStatusCode ?? $response?.statusCode ?? 0, lostOnTheWay: NETWORK_CODES.has(code) };
}

/**
 * IAM names the kind of policy that denies a call. Another permission of the role would not help:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
export const DENIALS = /explicit deny|(service|resource) control polic|permissions boundary|session polic|endpoint polic/i;

const EXPIRED = new Set('ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired'.split(' '));

/** The session of the credentials has ended. It passes: roles get new credentials, and people renew theirs. */
export function isExpired(error: unknown): boolean {
  return error instanceof Error && EXPIRED.has(error.name);
}
