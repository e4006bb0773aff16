// Which browser tests and benches start, and how: Debian's, without a screen, asking nothing of anybody.
export const BROWSER_FILE = '/usr/bin/chromium';
export const BROWSER_ARGUMENTS = [
  ...['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
