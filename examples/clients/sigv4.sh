#!/usr/bin/env bash
# Calls an MCP server behind an IAM Function URL, or `tilesight serve --auth iam`, with curl alone (tested with
# 7.88) and one request: MCP of 2026-07-28 needs no session. Prints the answer as JSON.
#
#   TILESIGHT_URL=https://ID.lambda-url.us-east-1.on.aws/ AWS_REGION=us-east-1 ./sigv4.sh
#   … ./sigv4.sh create_upload '{"file_name":"plan.png","bytes":123}'
#
# Without arguments it lists the tools. Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with temporary ones,
# AWS_SESSION_TOKEN; `eval "$(aws configure export-credentials --format env)"` sets them from a profile.
set -euo pipefail

: "${TILESIGHT_URL:?Expected the URL of the server in TILESIGHT_URL.}"
: "${AWS_REGION:?Expected the region of the server in AWS_REGION.}"
: "${AWS_ACCESS_KEY_ID:?Expected an access key in AWS_ACCESS_KEY_ID.}"
: "${AWS_SECRET_ACCESS_KEY:?Expected its secret in AWS_SECRET_ACCESS_KEY.}"

version=2026-07-28
prefix=io.modelcontextprotocol
meta="\"_meta\":{\"$prefix/protocolVersion\":\"$version\",\"$prefix/clientCapabilities\":{},"
meta+="\"$prefix/clientInfo\":{\"name\":\"sigv4.sh\",\"version\":\"1\"}}"

# The headers say what the body says: the server refuses a request in which they differ.
if [ $# -eq 0 ]; then
  method=tools/list
  params="{$meta}"
else
  method=tools/call
  arguments='{}'
  if [ $# -gt 1 ]; then arguments=$2; fi
  params="{\"name\":\"$1\",\"arguments\":$arguments,$meta}"
  set -- -H "Mcp-Name: $1"
fi

# Read by curl from a pipe: its arguments are seen by everybody who lists processes.
credentials() {
  printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
  if [ -n "${AWS_SESSION_TOKEN:-}" ]; then printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"; fi
}

curl --silent --show-error --fail-with-body \
  --config <(credentials) \
  --aws-sigv4 "aws:amz:$AWS_REGION:lambda" \
  -H 'Accept: application/json, text/event-stream' \
  -H 'Content-Type: application/json' \
  -H "MCP-Protocol-Version: $version" \
  -H "Mcp-Method: $method" \
  "$@" \
  --data-raw "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$method\",\"params\":$params}" \
  "$TILESIGHT_URL"
