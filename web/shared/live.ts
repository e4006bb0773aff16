// Live events from the server over one connection. It closes while the page is hidden, because a browser allows six connections to a
// server and every open page would hold one.
import type { Read } from './read.ts';

export const REFUSED = 'Too many tilesight pages are open. Close one, then reload this page.';

/** Gets the data of an event as JSON. */
export type EventHandler = (json: string) => void;

/** `lost`: EventSource reconnects on its own. `refused`: no retry. `null`: connected. */
export type ConnectionProblem = 'lost' | 'refused' | null;

export interface Live {
  close(): void;
}

export function on<Event>(read: Read<Event>, handle: (event: Event) => void): EventHandler {
  return (json) => handle(read(JSON.parse(json)));
}

/** `handlers` by event type. Every connection begins with a snapshot, so that no event is missed. */
export function live(
  path: string,
  handlers: Readonly<Record<string, EventHandler>>,
  onConnection: (problem: ConnectionProblem) => void,
): Live {
  let source: EventSource | null = null;
  let closed = false;

  const open = () => {
    if (source || closed) return;
    const opened = new EventSource(path);
    source = opened;
    source.addEventListener('open', () => onConnection(null));
    source.addEventListener('error', () => onConnection(opened.readyState === EventSource.CLOSED ? 'refused' : 'lost'));
    for (const [type, handle] of Object.entries(handlers))
      source.addEventListener(type, ({ data }: MessageEvent<string>) => handle(data));
  };
  const disconnect = () => {
    source?.close();
    source = null;
  };
  const followVisibility = () => {
    if (document.hidden) disconnect();
    else open();
  };

  document.addEventListener('visibilitychange', followVisibility);
  followVisibility();
  return {
    close() {
      closed = true;
      disconnect();
      document.removeEventListener('visibilitychange', followVisibility);
    },
  };
}
