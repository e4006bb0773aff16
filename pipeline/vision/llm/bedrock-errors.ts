// Turns Bedrock's errors into our own kinds: fix it, try again, or slow down. Bedrock's messages stay in `cause`.
import { DENIALS, isExpired } from '../../contract/aws-errors.ts';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { cannotBeUsed, TOO_LONG, UnexplainedRefusal } from './model.ts';
import {
  type ImageRefusal,
  imageRefusalIn,
  NO_VISION,
  NO_VISION_FIX,
  REFUSAL_CHARACTERS_MAX,
} from './requests/image-refusals.ts';

const NO_ACCESS = 'AccessDeniedException';
const NOT_FOUND = 'ResourceNotFoundException';
const INVALID = 'ValidationException';
const THROTTLED = 'ThrottlingException';
const DAILY_QUOTA = "the account's quota of the day is used up. Try again tomorrow, or ask for a higher quota";
const QUOTA = "the account's quota is used up. Ask for a higher quota, or choose another model";
const USED_UP = new Set([DAILY_QUOTA, QUOTA]);
const BUSY = 503; // fewer calls help

/** What is wrong, and what the caller can do about it, by the name of the error. None of them passes by itself. */
const FIXES: ReadonlyMap<string, string> = new Map([
  [NO_ACCESS, 'access is denied. Attach bedrock:InvokeModel for it to the role, and enable the model in the Bedrock console'],
  [NOT_FOUND, 'it does not exist. Check the model id and the region'],
  [
    INVALID,
    'the request was refused. Check the model id (many models need an inference profile such as us.amazon.nova-lite-v1:0), and that the model accepts images and tools',
  ],
  ['ServiceQuotaExceededException', QUOTA],
  ['UnrecognizedClientException', 'the credentials were refused. Check the AWS credentials'],
  ['InvalidSignatureException', 'the signature was refused. Check the AWS credentials and the clock of the machine'],
  ['CredentialsProviderError', 'there are no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
  ['TokenProviderError', 'there are no AWS credentials. Sign in again'],
  ['EndpointError', 'the region has no address. Check AWS_REGION'],
]);

/** One name stands for several causes. The service's words tell them apart, and choose our sentence; the first that fits counts. */
const CAUSES: readonly { names: readonly string[]; words: RegExp; fix: string }[] = [
  {
    names: [NOT_FOUND, NO_ACCESS, INVALID],
    words: /use case/i,
    fix: 'the account has not submitted the use case form that its provider asks for. Submit it in the model catalog of the Bedrock console, and try again after 15 minutes',
  },
  {
    names: [NO_ACCESS, INVALID],
    words: /marketplace|payment instrument/i,
    fix: 'the account has no AWS Marketplace subscription for it. Let an administrator with aws-marketplace:Subscribe and a valid payment method call it once in the Bedrock console, and try again after 15 minutes',
  },
  {
    names: [NO_ACCESS, INVALID],
    words: /\bkms\b|kms:/i,
    fix: 'the KMS key that encrypts it may not be used. Allow the role kms:Decrypt on the key, and check that the key is enabled',
  },
  {
    names: [NO_ACCESS],
    words: DENIALS,
    fix: 'a policy of the account or of its organization denies it. Ask their administrator to allow bedrock:InvokeModel, for an inference profile in every region that it routes to',
  },
  {
    names: [NOT_FOUND, NO_ACCESS, INVALID],
    words: /end of (its )?life|marked by provider as legacy|no longer (available|supported)/i,
    fix: 'its provider has retired it. Choose another model',
  },
  {
    names: [INVALID],
    words: /on-demand throughput/i,
    fix: 'it can be called through an inference profile only. Use the id of one, such as us.amazon.nova-lite-v1:0',
  },
  { names: [INVALID], words: NO_VISION, fix: NO_VISION_FIX },
  {
    names: [INVALID],
    words: /too long|too many (input )?tokens|context (length|window)/i,
    fix: TOO_LONG,
  },
  {
    names: ['CredentialsProviderError', 'TokenProviderError'],
    words: /expired/i,
    fix: 'the AWS session has expired. Sign in again, for example with aws sso login',
  },
  {
    names: [INVALID],
    words: /operation not allowed/i,
    fix: 'the account may not call models yet. Ask AWS Support to enable Amazon Bedrock for it',
  },
  {
    names: [THROTTLED, 'ServiceQuotaExceededException'],
    words: /per day|daily/i,
    fix: DAILY_QUOTA,
  },
];

/** Names of errors that end a call, which the SDK also throws before it has sent anything. */
const ENDED = new Set(['AbortError', 'TimeoutError']);

/** Nova fails like this if it filled in a tool's form with broken JSON: docs.aws.amazon.com, Nova, "Troubleshooting tool calls". */
export function isMalformedToolUse(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ModelErrorException' && /tool ?use/i.test(error.message);
}

/** `null` for an error that does not concern the image of the request. */
export function imageRefusalOf(error: unknown): { why: ImageRefusal; cause: Error } | null {
  if (!(error instanceof Error) || error.name !== INVALID) return null;
  const why = imageRefusalIn(error.message);
  return why === null ? null : { why, cause: error };
}

/** Our own error for one of the SDK's. Anything else is a bug and is returned as it is. */
export function bedrockError(error: unknown, model: ModelId): unknown {
  if (!(error instanceof Error)) return error;
  const fix = fixOf(error);
  if (fix && fix === FIXES.get(INVALID)) return new UnexplainedRefusal(cannotBeUsed(model, fix), { cause: error });
  if (fix) return unusable(model, fix, error);
  if (isExpired(error)) {
    return new TransientError(`The model ${model} was called with expired AWS credentials. Try again, or renew them.`, {
      cause: error,
    });
  }
  const status = statusOf(error);
  if (status === 429 || error.name === THROTTLED) {
    return new TransientError(`The model ${model} is throttled. Try again later.`, { cause: error, throttled: true });
  }
  if (status === 408 || status === 424 || (status !== undefined && status >= 500)) {
    const throttled = status === BUSY;
    return new TransientError(`The model ${model} failed to answer: its service has a fault. Try again.`, {
      cause: error,
      throttled,
    });
  }
  if (status !== undefined && status >= 400) {
    return unusable(model, 'the request was refused. Check the model id and the AWS account', error);
  }
  if (ENDED.has(error.name) || wasSent(error) || error instanceof RangeError) {
    return new TransientError(`The model ${model} did not answer in time, or the answer was damaged. Try again.`, {
      cause: error,
    });
  }
  return error;
}

function fixOf({ name, message }: Error): string | undefined {
  if (message === 'Region is missing') return 'no region is set. Set AWS_REGION';
  const read = message.slice(0, REFUSAL_CHARACTERS_MAX);
  return CAUSES.find(({ names, words }) => names.includes(name) && words.test(read))?.fix ?? FIXES.get(name);
}

function unusable(model: ModelId, fix: string, cause: Error): UserError {
  return new UserError(cannotBeUsed(model, fix), { cause, usedUp: USED_UP.has(fix) });
}

/** The SDK marks every error of a request that was sent: broken connections have no name of their own. */
function wasSent(error: Error): boolean {
  return '$metadata' in error;
}

function statusOf(error: Error): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
