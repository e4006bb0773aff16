// The realtime side of AppSync Events by its documented protocol, over a minimal WebSocket server for one subscriber.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3
const [TEXT, CLOSE] = [0x81, 0x88];

export interface EventApiSocket {
  /** For example `http://127.0.0.1:3333`. */
  endpoint: string;
  path: string;
  /** The headers that authorized the connection, and the subscription with its own. */
  connectedWith: Record<string, string>;
  subscription: { type: string; id: string; channel: string; authorization: Record<string, string> } | null;
}

/** Answers a subscription with these events, each as the service wraps it. */
export async function eventApiSocket(events: readonly object[]): Promise<EventApiSocket> {
  const seen: EventApiSocket = { endpoint: '', path: '', connectedWith: {}, subscription: null };
  const server = createServer().on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const [protocol, header = ''] = String(request.headers['sec-websocket-protocol']).split(/,\s*/);
    seen.path = request.url ?? '';
    seen.connectedWith = JSON.parse(Buffer.from(header.replace('header-', ''), 'base64url').toString());
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${MAGIC}`).digest('base64');
    socket.write(
      ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
        .concat(`Sec-WebSocket-Protocol: ${protocol}`, '', '')
        .join('\r\n'),
    );
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let frame = frameOf(received); frame; frame = frameOf(received)) {
        received = received.subarray(frame.bytes);
        if (frame.first === CLOSE) {
          socket.end(framed(CLOSE, ''));
          return;
        }
        const message = JSON.parse(frame.text);
        seen.subscription = message;
        say(socket, { type: 'subscribe_success', id: message.id });
        say(socket, { type: 'ka' });
        for (const event of events) say(socket, { type: 'data', id: message.id, event: JSON.stringify(event) });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return Object.assign(seen, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const say = (socket: Duplex, message: object) => socket.write(framed(TEXT, JSON.stringify(message)));

/** A server's frame is not masked; RFC 6455, 5.2. */
function framed(first: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([first, ...length]), payload]);
}

/** A client's frame is masked. `null` until it is complete. */
function frameOf(bytes: Buffer): { first: number; text: string; bytes: number } | null {
  if (bytes.length < 6) return null;
  const short = bytes.readUInt8(1) & 0x7f;
  const maskAt = short < 126 ? 2 : 4;
  const end = maskAt + 4 + (short < 126 ? short : bytes.readUInt16BE(2));
  if (bytes.length < end) return null;
  const payload = bytes.subarray(maskAt + 4, end).map((byte, at) => byte ^ bytes.readUInt8(maskAt + (at % 4)));
  return { first: bytes.readUInt8(0), text: Buffer.from(payload).toString(), bytes: end };
}
