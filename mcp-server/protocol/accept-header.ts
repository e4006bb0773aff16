// Accepts plain HTTP clients: the 2025 protocol requires both media types in Accept, but scripts send one of them, `*/*` or none. They
// get JSON. Must not know tools.
import { z } from 'zod';

const STREAM = 'text/event-stream';
const BOTH = `application/json, ${STREAM}`;
const TAKES_JSON = /application\/json|application\/\*|\*\/\*/i;
const RequestOrNotification = z.object({ method: z.string() });

/** `serve` gets the request with both types. A client that does not name the stream of events gets its message as JSON. */
export async function withBothTypes(request: Request, serve: (request: Request) => Promise<Response>): Promise<Response> {
  const accept = request.headers.get('accept') ?? '*/*';
  const namesStream = accept.toLowerCase().includes(STREAM);
  if (request.method !== 'POST' || namesStream || !TAKES_JSON.test(accept)) return await serve(request);
  const headers = new Headers(request.headers);
  headers.set('accept', BOTH);
  const response = await serve(new Request(request, { headers }));
  const isStream = response.headers.get('content-type')?.startsWith(STREAM) ?? false;
  return isStream ? asJson(response) : response;
}

/** The answers of a stream that ends; its notifications are left out, as a client without a stream cannot take them. */
async function asJson(response: Response): Promise<Response> {
  const events = (await response.text()).split(/\r?\n\r?\n/);
  const messages = events.map(dataOf).filter((text) => text !== '');
  const answers = messages.map((text): unknown => JSON.parse(text)).filter((message) => !isForTheClient(message));
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json');
  headers.delete('content-length');
  return new Response(JSON.stringify(answers.length === 1 ? answers[0] : answers), { status: response.status, headers });
}

/** The lines of data of an event: WHATWG HTML, section 9.2.6. */
function dataOf(event: string): string {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.map((line) => line.slice(5).trimStart()).join('\n');
}

function isForTheClient(message: unknown): boolean {
  return RequestOrNotification.safeParse(message).success;
}
