// The input of reports in tests: any number of findings, and images of a single color.
import sharp from 'sharp';
import type { Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import type { Embedded, ReportMaterial } from '../../pipeline/report/material.ts';
import { requestFor } from './pipeline-run.ts';

/** Words of an image or a model that try to break out of their place. */
export const HOSTILE = [
  '<img src=x onerror="document.title=\'taken\'">',
  '</script><script>document.title="taken"</script>',
  '</title></style><svg onload=alert(1)>',
  '" autofocus onfocus="alert(1)" x="',
  "' onmouseover='alert(1)",
  '=HYPERLINK("https://elsewhere.example","press")',
  '<!--<script>',
  '\u0024{alert(1)} &lt;b&gt; \\u003cb\\u003e javascript:alert(1)',
  'line\u2028separator\u2029and \u0000 control \u0007',
  'abc \u202egnp.exe\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629 end',
  'lone \ud800 surrogate',
  'W'.repeat(10_000),
] as const;

/** As a page shows it: characters that it cannot contain become U+FFFD. */
export function visible(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

export function finding(number: number, more: Partial<Finding> = {}): Finding {
  return {
    id: `f${number}`,
    label: 'cup',
    description: 'cup',
    score: 0.5,
    severity: 'info',
    box: [number, 2 * number, 30, 20],
    text: null,
    level: 0,
    tiles: [0],
    verified: null,
    ...more,
  };
}

export async function oneImage(width: number, height: number): Promise<Embedded> {
  const bytes = await sharp({ create: { width, height, channels: 3, background: '#6a8' } })
    .jpeg()
    .toBuffer();
  return { base64: bytes.toString('base64'), width, height };
}

/** As large as the images of a report can be; not valid JPEG. */
export function imagesOfMostBytes(findings: readonly Finding[]): ReportMaterial['images'] {
  const jpeg = (bytes: number): Embedded => ({ base64: 'A'.repeat(Math.ceil(bytes / 3) * 4), width: 4, height: 3 });
  const crops = new Map(findings.slice(0, 60).map(({ id }) => [id, jpeg(14_000)]));
  return { overlay: jpeg(600_000), thumbnail: jpeg(54_000), crops };
}

/** A report on an image of 3,000 x 2,000 pixels, or of `size`, with all tiles analyzed. */
export function materialWith(
  findings: Finding[],
  document: Partial<FindingsDocument> = {},
  more: Partial<ReportMaterial> = {},
  size = { width: 3_000, height: 2_000 },
): ReportMaterial {
  const { ask, plan: wishes, models } = requestFor('image.jpg');
  const plan = planTiles(size, { ...wishes, detail: 'max' }, { edgePx: 256, overlapPx: 64 });
  return {
    document: {
      execution_id: 'run-1',
      status: 'SUCCEEDED',
      image: { uri: 'file:///images/lawn.jpg', ...size, format: 'jpeg', version: '1' },
      request: { ask, plan: wishes },
      models,
      tiles: { total: 10, done: 10, blank: 0, failed: [], not_analyzed: [] },
      usage: { input_tokens: 1_234, output_tokens: 56, cost_usd: 0.0789 },
      summary: 'A summary.',
      notes: [],
      findings,
      ...document,
    },
    plan,
    startedAt: '2026-11-21T10:11:12.000Z',
    reason: null,
    blankTiles: [],
    images: { overlay: null, thumbnail: null, crops: new Map() },
    ...more,
  };
}

/** The data that the script of a report draws its rows from. */
export function rowsIn(page: string): { labels: string[]; texts: string[]; rows: unknown[][] } {
  return JSON.parse(/<script type="application\/json" id="rows">([^<]*)<\/script>/.exec(page)?.[1] ?? '');
}
