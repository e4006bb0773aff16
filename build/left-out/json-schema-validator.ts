// Replaces the MCP SDK's JSON Schema validator: 120 KB and 9 ms of every cold start. The SDK needs it only for answers to `elicitInput`
// and for tools with a raw JSON Schema. This server uses neither: zod checks its tools, and the answers to the questions of
// mcp-server/protocol/confirmation.ts. Exports the names of @modelcontextprotocol/server/_shims.
export { default as process } from 'node:process';

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error(
      'This build has no JSON Schema validator. Remove build/left-out/json-schema-validator.ts from the build to include it.',
    );
  }
}
