// What language model services refuse, and what each refusal concerns: the image, the model, the account or the credentials.
import { describe, expect, test } from 'vitest';
import { bedrockError } from '../../../pipeline/vision/llm/bedrock-errors.ts';
import { type ImageRefusal, imageRefusalIn, NO_VISION } from '../../../pipeline/vision/llm/requests/image-refusals.ts';

describe('the words of a refusal are', () => {
  const about: [string, ImageRefusal | null][] = [
    ['Could not process image', 'unreadable'],
    ['Unable to process input image.', 'unreadable'],
    ['failed to process inputs: image: unknown format', 'unreadable'],
    ['cannot identify image file <_io.BytesIO object at 0x7f>', 'unreadable'],
    ['Failed to load image or audio file', 'unreadable'],
    ['You uploaded an unsupported image. Please make sure your image is below 20 MB in size.', 'unreadable'],
    ['The image data is corrupt', 'unreadable'],
    ['messages.0.content.0.image.source.bytes: image exceeds 5 MB maximum: 7167852 bytes > 5242880 bytes', 'too-large'],
    ['At least one of the image dimensions exceed max allowed size: 8000 pixels', 'too-large'],
    ['The image is too large', 'too-large'],
    ['Output blocked by content filtering policy', 'blocked'],
    ['The response was filtered due to the prompt triggering Azure OpenAI’s content management policy.', 'blocked'],
    ['Your request was rejected by our safety system.', 'blocked'],
    ['Your chosen model requires moderation and your input was flagged', 'blocked'],
    ['Input data may contain inappropriate content.', 'blocked'],
    ['Image data could not be decoded.', 'unreadable'],
    ["This model doesn't support the image content block that you provided.", null],
    ['This model doesn’t support images', null],
    ['image input is not supported - hint: you may need to provide the mmproj', null],
    ['Invalid content type. image_url is only supported by certain models.', null],
    ['At most 0 image(s) may be provided in one prompt.', null],
    ['Unsupported image input for this model', null],
    ['The provided model identifier is invalid.', null],
    ['Operation not allowed', null],
    ['temperature is not supported by this model', null],
    ['Malformed input request: #/toolConfig: required key [tools] not found', null],
    ['', null],
  ];
  test.each(about)('%j: %s', (words, refusal) => {
    expect(imageRefusalIn(words)).toBe(refusal);
  });
});

describe('a model without vision is recognized by', () => {
  const words: [string, boolean][] = [
    ['This model does not accept images.', true],
    ["This model doesn't support the image content block that you provided.", true],
    ['Image input is not enabled for this model', true],
    ['m is not a multimodal model', true],
    ['The image format is not supported.', false],
    ['image type image/heic is not supported', false],
    ['The media type of the image is not supported', false],
    ['Our policy does not accept this image.', false],
    ['Images larger than this size are not supported', false],
    ['The model does not support tools', false],
    ['Could not process image', false],
  ];
  test.each(words)('%j: %s', (refusal, isWithoutVision) => {
    expect(NO_VISION.test(refusal)).toBe(isWithoutVision);
  });
});

test('a session that has expired on a laptop is not taken for missing credentials', () => {
  const message = "Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile.";
  const expired = Object.assign(new Error(message), { name: 'CredentialsProviderError' });
  expect(bedrockError(expired, 'bedrock:amazon.nova-lite-v1:0')).toMatchObject({
    name: 'UserError',
    message:
      'The model bedrock:amazon.nova-lite-v1:0 cannot be used: the AWS session has expired. Sign in again, for example with aws sso login.',
    cause: expired,
  });
});
