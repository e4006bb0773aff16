// The most that a request to MCP may have, on AWS and locally. Images travel by link, never through MCP.

export const MCP_BODY_BYTES_MAX = 1_048_576; // 1 MiB: the longest arguments are a few pages of text

export const BODY_TOO_LARGE = `The request is larger than ${MCP_BODY_BYTES_MAX} bytes (1 MiB). Send images with create_upload.`;
