// Follows one execution over AppSync Events: node live-events.ts https://ID.appsync-api.REGION.amazonaws.com EXECUTION_ID
// Credentials come from the environment, a profile or a role. docs/events.md describes the events.
import { Sha256 } from '@aws-crypto/sha256-js';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';

const [endpoint, execution] = process.argv.slice(2);
const [, , region] = endpoint ? new URL(endpoint).hostname.split('.') : [];
if (!endpoint || !execution || !region) throw new Error('Usage: node live-events.ts ENDPOINT EXECUTION_ID');
const channel = `/pipeline/${execution.slice(-50).replace(/^-+/, '')}`;
const { host } = new URL(endpoint);
const signing = { service: 'appsync', region, sha256: Sha256, applyChecksum: false };
const signer = new SignatureV4({ ...signing, credentials: defaultProvider() });

/** The headers that would sign a POST of `body` to the endpoint. */
async function authorization(body: object) {
  const accepted = { accept: 'application/json, text/javascript', 'content-encoding': 'amz-1.0' };
  const headers = { host, ...accepted, 'content-type': 'application/json; charset=UTF-8' };
  const request = new HttpRequest({ method: 'POST', path: '/event', headers, body: JSON.stringify(body) });
  return (await signer.sign(request)).headers;
}

const received = new Set<string>();
const header = Buffer.from(JSON.stringify(await authorization({}))).toString('base64url');
const realtime = endpoint.replace('.appsync-api.', '.appsync-realtime-api.').replace('http', 'ws');
const socket = new WebSocket(`${realtime}/event/realtime`, ['aws-appsync-event-ws', `header-${header}`]);
socket.onopen = async () =>
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', channel, authorization: await authorization({ channel }) }));
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type.endsWith('error')) console.error(data);
  if (message.type !== 'data') return;
  const event = JSON.parse(message.event);
  if (event.execution_id !== execution || received.has(event.id)) return; // published again after a crash
  received.add(event.id);
  console.log(event.type, event.tile ?? event.phase ?? '', event.state ?? event.status);
  if (event.type === 'end') socket.close();
};
