// What the server tells while things happen, over one connection that is given back while nobody looks: a browser has six for a server,
// and every open page would hold one.

export const REFUSED = 'The server takes no more open pages. Close another one, then load this one again.';

export type Hearers = Readonly<Record<string, (event: never) => void>>;

export interface Live {
  close(): void;
}

/**
 * `hearers` by the type of the event. Each connection begins with a snapshot, so nothing is missed. `onTrouble` is told
 * when there is none: lost ones the browser gets back by itself, a refused one is not tried again. Null: there is one.
 */
export function live(path: string, hearers: Hearers, onTrouble: (trouble: 'lost' | 'refused' | null) => void): Live {
  let source: EventSource | null = null;
  let over = false;

  const open = () => {
    if (source || over) return;
    const opened = new EventSource(path);
    source = opened;
    source.addEventListener('open', () => onTrouble(null));
    source.addEventListener('error', () => onTrouble(opened.readyState === EventSource.CLOSED ? 'refused' : 'lost'));
    for (const [type, hear] of Object.entries(hearers))
      source.addEventListener(type, ({ data }: MessageEvent<string>) => hear(JSON.parse(data) as never));
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const follow = () => {
    if (document.hidden) close();
    else open();
  };

  document.addEventListener('visibilitychange', follow);
  follow();
  return {
    close() {
      over = true;
      close();
      document.removeEventListener('visibilitychange', follow);
    },
  };
}
