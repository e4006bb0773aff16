// In place of the MCP SDK's JSON Schema validator: 120 KB and 9 ms of every cold start, for answers to elicitation only. This server
// asks nothing of clients; its own tools are checked by zod. Goes by the names of @modelcontextprotocol/server/_shims.
export { default as process } from 'node:process';

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error(
      'Expected nothing to be checked by JSON Schema. Take build/left-out/json-schema-validator.ts out of the build.',
    );
  }
}
