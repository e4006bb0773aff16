// Replaces the MCP SDK's JSON Schema validator: 120 KB and 9 ms of every cold start, needed only for answers to elicitation. This
// server does not elicit, and zod checks its tools. Exports the names of @modelcontextprotocol/server/_shims.
export { default as process } from 'node:process';

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error(
      'This build has no JSON Schema validator. Remove build/left-out/json-schema-validator.ts from the build to include it.',
    );
  }
}
