// JSON schemas that every provider accepts, from zod. What they cannot express is checked when the answer is read.
import { z } from 'zod';

// OpenAI's strict mode and Anthropic's grammars refuse some or all of these: https://platform.openai.com/docs/guides/structured-outputs
const BOUNDS = ['minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems', 'pattern'] as const;

/**
 * `closed` objects forbid other fields: OpenAI's strict mode demands it, while Nova accepts only `type`, `properties` and `required`
 * at the top, and Mistral and Llama on Bedrock refuse it anywhere.
 */
export function jsonSchemaOf(schema: z.ZodType, { closed }: { closed: boolean }): z.core.JSONSchema.BaseSchema {
  const { $schema, ...accepted } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      for (const bound of BOUNDS) delete jsonSchema[bound];
      if (!closed) delete jsonSchema.additionalProperties;
    },
  });
  return accepted;
}
