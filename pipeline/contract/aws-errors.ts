// What the AWS SDK says in its errors beside their names. Pure; what they mean is for each service's adapter.

/** What the SDK adds. `$response` is there when the body could not be read as an answer. */
interface Facts {
  code?: unknown;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

const NETWORK_CODES = new Set<unknown>(
  'ECONNRESET ECONNREFUSED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN'.split(' '),
);

/** `status` is 0 when there was no answer; `lostOnTheWay`: the network, not the service. */
export function factsOf(error: unknown): { status: number; lostOnTheWay: boolean } {
  if (!(error instanceof Error)) return { status: 0, lostOnTheWay: false };
  const { code, $metadata, $response }: Error & Facts = error;
  return { status: $metadata?.httpStatusCode ?? $response?.statusCode ?? 0, lostOnTheWay: NETWORK_CODES.has(code) };
}
