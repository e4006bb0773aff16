// Draws screenshots of pages: an article, a form, a table, a dashboard, a chat and code. They show text, lines, icons and charts, and no
// thing of the kinds that detectors of everyday objects know. A seed determines the words.
import sharp from 'sharp';
import { type Random, seededRandom } from './seeded-random.ts';

const WORDS = [
  'account',
  'balance',
  'invoice',
  'region',
  'status',
  'total',
  'request',
  'server',
  'update',
  'window',
  'report',
  'customer',
  'delivery',
  'payment',
  'method',
  'setting',
  'library',
  'search',
  'result',
  'number',
  'version',
  'release',
  'folder',
  'image',
  'upload',
  'access',
  'policy',
] as const;

const SIZE = { width: 1_600, height: 1_200 };

type Draw = (random: Random) => string;

export const PAGES: Readonly<Record<string, Draw>> = { article, form, table, dashboard, chat, code };

/** A PNG of 1,600 x 1,200 px. */
export async function drawnPage(name: keyof typeof PAGES, seed = 1): Promise<Buffer> {
  const draw = PAGES[name];
  if (!draw) throw new Error(`No page has the name ${name}.`);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE.width}" height="${SIZE.height}" font-family="DejaVu Sans, sans-serif">` +
    `<rect width="100%" height="100%" fill="#fff"/>${draw(seededRandom(seed))}</svg>`;
  return await sharp(Buffer.from(svg)).png().toBuffer();
}

function words(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.oneOf(WORDS)).join(' ');
}

function line(x: number, y: number, text: string, size = 15, fill = '#222'): string {
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}">${text}</text>`;
}

function box(x: number, y: number, width: number, height: number, fill: string, radius = 4, stroke = 'none'): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}" stroke="${stroke}"/>`;
}

function times(count: number, draw: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => draw(index)).join('');
}

function bar(random: Random): string {
  const links = times(5, (index) => line(260 + index * 150, 42, random.oneOf(WORDS), 16, '#fff'));
  const logo = '<circle cx="50" cy="36" r="18" fill="#fc3"/><path d="M44 30 L60 36 L44 42 Z" fill="#124"/>';
  return box(0, 0, SIZE.width, 72, '#124', 0) + logo + line(80, 44, 'Northwind', 22, '#fff') + links;
}

function article(random: Random): string {
  const paragraphs = times(34, (index) =>
    index % 9 === 8 ? '' : line(200, 200 + index * 28, words(random, 11 + (index % 3)), 17),
  );
  return (
    bar(random) +
    line(200, 150, words(random, 4), 34) +
    paragraphs +
    box(1_350, 120, 200, 400, '#eef') +
    times(8, (index) => line(1_365, 160 + index * 40, words(random, 2), 14, '#259'))
  );
}

function form(random: Random): string {
  const fields = times(9, (index) => {
    const y = 150 + index * 100;
    return (
      line(220, y, words(random, 2), 16) +
      box(220, y + 12, 620, 44, '#fff', 6, '#99a') +
      line(236, y + 41, words(random, 3), 16, '#778')
    );
  });
  const buttons =
    box(220, 1_070, 150, 48, '#0a5', 8) +
    line(250, 1_101, 'Save all', 17, '#fff') +
    box(390, 1_070, 150, 48, '#eee', 8, '#999') +
    line(425, 1_101, 'Cancel', 17);
  const checks = times(
    6,
    (index) =>
      box(980, 170 + index * 46, 20, 20, '#fff', 3, '#555') +
      (index % 2 ? `<path d="M984 ${180 + index * 46} l5 6 l9 -11" stroke="#0a5" stroke-width="3" fill="none"/>` : '') +
      line(1_012, 186 + index * 46, words(random, 3)),
  );
  return bar(random) + fields + buttons + checks;
}

function table(random: Random): string {
  const rows = times(32, (row) => {
    const y = 130 + row * 33;
    const cells = times(7, (column) =>
      line(
        70 + column * 215,
        y,
        row === 0 ? random.oneOf(WORDS) : column % 2 ? words(random, 1) : String(1_000 + random.between(0, 8_999)),
        15,
      ),
    );
    return box(50, y - 22, 1_500, 32, row === 0 ? '#dde' : row % 2 ? '#f6f6fa' : '#fff', 0, '#ccd') + cells;
  });
  return bar(random) + rows;
}

function dashboard(random: Random): string {
  const cards = times(4, (index) => {
    const x = 50 + index * 385;
    return (
      box(x, 110, 360, 140, '#f4f6fb', 10, '#ccd') +
      line(x + 24, 150, words(random, 2), 16, '#667') +
      line(x + 24, 210, `${random.between(10, 999)}.${random.between(0, 9)} k`, 38)
    );
  });
  const bars = times(14, (index) => {
    const height = random.between(40, 300);
    return box(90 + index * 48, 640 - height, 30, height, '#47c', 2) + line(92 + index * 48, 665, String(index + 1), 13);
  });
  const points = Array.from({ length: 30 }, (_, index) => `${860 + index * 23},${600 - random.between(0, 260)}`).join(' ');
  const pie =
    '<circle cx="300" cy="940" r="150" fill="#47c"/><path d="M300 940 L300 790 A150 150 0 0 1 430 1015 Z" fill="#e83"/><path d="M300 940 L430 1015 A150 150 0 0 1 220 1067 Z" fill="#5a5"/>';
  const legend = times(
    8,
    (index) =>
      box(560, 820 + index * 34, 18, 18, ['#47c', '#e83', '#5a5', '#999'][index % 4] ?? '#999') +
      line(590, 835 + index * 34, words(random, 2)),
  );
  return (
    bar(random) +
    cards +
    box(50, 290, 740, 400, '#fff', 8, '#ccd') +
    bars +
    box(830, 290, 720, 400, '#fff', 8, '#ccd') +
    `<polyline points="${points}" fill="none" stroke="#e33" stroke-width="3"/>` +
    pie +
    legend
  );
}

function chat(random: Random): string {
  const messages = times(11, (index) => {
    const [x, fill] = index % 2 ? [760, '#d7f0d0'] : [160, '#eee'];
    const y = 120 + index * 92;
    const avatar =
      `<circle cx="${x - 40}" cy="${y + 34}" r="24" fill="${index % 2 ? '#597' : '#975'}"/>` +
      line(x - 47, y + 41, index % 2 ? 'M' : 'K', 20, '#fff');
    return (
      avatar +
      box(x, y, 640, 72, fill, 14) +
      line(x + 20, y + 30, words(random, 6), 16) +
      line(x + 20, y + 56, words(random, 5), 16)
    );
  });
  return bar(random) + messages;
}

function code(random: Random): string {
  const lines = times(44, (row) => {
    const indent = (row % 4) * 32;
    return (
      line(30, 110 + row * 24, String(row + 1), 14, '#678') +
      line(
        90 + indent,
        110 + row * 24,
        `const ${random.oneOf(WORDS)} = ${random.oneOf(WORDS)}(${random.oneOf(WORDS)});`,
        15,
        ['#9cf', '#fc9', '#cf9', '#eee'][row % 4],
      )
    );
  });
  return (
    box(0, 0, SIZE.width, SIZE.height, '#182028', 0) +
    box(0, 0, SIZE.width, 70, '#0c1218', 0) +
    line(40, 44, 'main.ts', 16, '#ccc') +
    lines
  );
}
