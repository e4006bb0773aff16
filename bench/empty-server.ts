// An MCP server with one tool that does nothing, on the same SDK: the baseline of a cold start.
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'empty', version: '0' });
  server.registerTool(
    'nothing',
    { description: 'Does nothing.', inputSchema: z.strictObject({ execution_id: z.string() }) },
    async () => ({ content: [{ type: 'text', text: 'nothing' }] }),
  );
  return server;
});

export const handler = (request: Request): Promise<Response> => mcp.fetch(request);
