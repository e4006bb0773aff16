// What Bedrock's errors mean here: fix it, try again, or slow down. Its own messages stay causes.

import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';

/** What the caller of a model can do, by the name of the error. None of them passes by itself. */
const FIXES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    AccessDeniedException:
      'got no access. Attach bedrock:InvokeModel for it to the role, and enable the model in the Bedrock console',
    ResourceNotFoundException: 'got that there is none of that id. Check the model id and the region',
    ValidationException:
      'got the request refused. Check the model id (many models need an inference profile such as us.amazon.nova-lite-v1:0), and that the model takes images and tools',
    ServiceQuotaExceededException: "got that the account's quota is used up. Ask for a higher quota, or choose another model",
    UnrecognizedClientException: 'got the credentials refused. Check the AWS credentials',
    InvalidSignatureException: 'got the signature refused. Check the AWS credentials and the clock of the machine',
    ExpiredTokenException: 'got the credentials refused as expired. Renew the AWS credentials',
    CredentialsProviderError: 'got no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    TokenProviderError: 'got no AWS credentials. Sign in again',
    EndpointError: 'got no address for the region. Check AWS_REGION',
  }),
);

/** Ends of a call that the SDK reports before it has sent anything too. */
const ENDED = new Set(['AbortError', 'TimeoutError']);

/** Nova fails like this when it filled in a tool's form with broken JSON: docs.aws.amazon.com, Nova, "Troubleshooting tool calls". */
export function isMalformedToolUse(error: unknown): boolean {
  return error instanceof Error && error.name === 'ModelErrorException' && /tool ?use/i.test(error.message);
}

/** Our own error for one of the SDK's; anything that is none of these is a bug and comes back as it is. */
export function bedrockError(error: unknown, model: ModelId): unknown {
  if (!(error instanceof Error)) return error;
  const fix = error.message === 'Region is missing' ? 'got no region. Set AWS_REGION' : FIXES.get(error.name);
  if (fix) return new UserError(`Expected to reach ${model}, ${fix}.`, { cause: error });
  const status = statusOf(error);
  if (status === 429 || error.name === 'ThrottlingException') {
    return new TransientError(`Expected an answer from ${model}, got that there are too many calls. Try again later.`, {
      cause: error,
      throttled: true,
    });
  }
  if (status === 408 || status === 424 || (status !== undefined && status >= 500)) {
    return new TransientError(`Expected an answer from ${model}, got a fault of the service. Try again.`, { cause: error });
  }
  if (status !== undefined && status >= 400) {
    return new UserError(`Expected to reach ${model}, got the request refused. Check the model id and the AWS account.`, {
      cause: error,
    });
  }
  if (ENDED.has(error.name) || wasSent(error)) {
    return new TransientError(`Expected an answer from ${model}, got none in time or a broken one. Try again.`, { cause: error });
  }
  return error;
}

/** The SDK marks every error of a request on its way: cut connections come without a name of their own. */
function wasSent(error: Error): boolean {
  return '$metadata' in error;
}

function statusOf(error: Error): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
