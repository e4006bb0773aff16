// What a request to MCP may weigh, wherever it comes in. Images travel by link, never through MCP.

export const MCP_BODY_BYTES_MAX = 1_048_576; // 1 MiB: the largest request is a page of words

export const BODY_TOO_LARGE = `Expected a request of at most ${MCP_BODY_BYTES_MAX} bytes, got a larger one. Send images with create_upload.`;
