// What the server tells while things happen, over one connection that is given back while nobody looks: a browser has six for a server,
// and every open page would hold one.

export type Hearers = Readonly<Record<string, (event: never) => void>>;

export interface Live {
  close(): void;
}

/** `hearers` by the type of the event. Each connection begins with a snapshot, so nothing is missed. `onTrouble`: true while there is none. */
export function live(path: string, hearers: Hearers, onTrouble: (lost: boolean) => void): Live {
  let source: EventSource | null = null;
  let over = false;

  const open = () => {
    if (source || over) return;
    source = new EventSource(path);
    source.addEventListener('open', () => onTrouble(false));
    source.addEventListener('error', () => onTrouble(true)); // the browser tries again by itself, but for a refusal
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
