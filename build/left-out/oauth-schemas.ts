// Replaces each OAuth schema of the MCP SDK: 273 zod schemas and 2 ms of every cold start. Callers of this server sign with IAM; the
// SDK only lists the schemas, and reads none of them without OAuth.
export const leftOut = {
  safeParse(): never {
    throw new Error('This build has no schemas of OAuth. Remove build/left-out/oauth-schemas.ts from the build to include them.');
  },
};
