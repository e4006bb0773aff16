// Turns Bedrock's errors into our own kinds: fix it, try again, or slow down. Bedrock's messages stay in `cause`.
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';

/** What is wrong, and what the caller can do about it, by the name of the error. None of them passes by itself. */
const FIXES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    AccessDeniedException:
      'access is denied. Attach bedrock:InvokeModel for it to the role, and enable the model in the Bedrock console',
    ResourceNotFoundException: 'it does not exist. Check the model id and the region',
    ValidationException:
      'the request was refused. Check the model id (many models need an inference profile such as us.amazon.nova-lite-v1:0), and that the model accepts images and tools',
    ServiceQuotaExceededException: "the account's quota is used up. Ask for a higher quota, or choose another model",
    UnrecognizedClientException: 'the credentials were refused. Check the AWS credentials',
    InvalidSignatureException: 'the signature was refused. Check the AWS credentials and the clock of the machine',
    ExpiredTokenException: 'the credentials have expired. Renew the AWS credentials',
    CredentialsProviderError: 'there are no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    TokenProviderError: 'there are no AWS credentials. Sign in again',
    EndpointError: 'the region has no address. Check AWS_REGION',
  }),
);

/** Names of errors that end a call, which the SDK also throws before it has sent anything. */
const ENDED = new Set(['AbortError', 'TimeoutError']);

/** Nova fails like this if it filled in a tool's form with broken JSON: docs.aws.amazon.com, Nova, "Troubleshooting tool calls". */
export function isMalformedToolUse(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ModelErrorException' && /tool ?use/i.test(error.message);
}

/** Our own error for one of the SDK's. Anything else is a bug and is returned as it is. */
export function bedrockError(error: unknown, model: ModelId): unknown {
  if (!(error instanceof Error)) return error;
  const fix = error.message === 'Region is missing' ? 'no region is set. Set AWS_REGION' : FIXES.get(error.name);
  if (fix) return unusable(model, fix, error);
  const status = statusOf(error);
  if (status === 429 || error.name === 'ThrottlingException') {
    return new TransientError(`The model ${model} is throttled. Try again later.`, { cause: error, throttled: true });
  }
  if (status === 408 || status === 424 || (status !== undefined && status >= 500)) {
    return new TransientError(`The model ${model} failed to answer: its service has a fault. Try again.`, { cause: error });
  }
  if (status !== undefined && status >= 400) {
    return unusable(model, 'the request was refused. Check the model id and the AWS account', error);
  }
  if (ENDED.has(error.name) || wasSent(error)) {
    return new TransientError(`The model ${model} did not answer in time, or the answer was damaged. Try again.`, {
      cause: error,
    });
  }
  return error;
}

function unusable(model: ModelId, fix: string, cause: Error): UserError {
  return new UserError(`The model ${model} cannot be used: ${fix}.`, { cause });
}

/** The SDK marks every error of a request that was sent: broken connections have no name of their own. */
function wasSent(error: Error): boolean {
  return '$metadata' in error;
}

function statusOf(error: Error): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
