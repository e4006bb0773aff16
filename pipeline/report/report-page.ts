// The report of an execution: one HTML file that loads nothing, and in which no foreign text can run. Pure.
import { createHash } from 'node:crypto';
import type { FindingsDocument } from '../contract/schemas.ts';
import { coloredLabels, countsByLabel } from '../findings/marks.ts';
import { cost, limitsSection, modelsSection } from './facts.ts';
import { tableSection } from './findings-table.ts';
import { gallerySection, overlaySection } from './gallery.ts';
import { gapsSection } from './gaps.ts';
import { code, count, foreign, html, type Markup, shortened } from './html.ts';
import { byImportance, type ReportMaterial } from './material.ts';
import { SCRIPT } from './report-script.ts';
import { STYLE } from './report-style.ts';
import { compactRows } from './rows.ts';
import { searchSection } from './search-section.ts';
import { contents, type Section, sectionOf } from './section.ts';
import { citedIn, countsSection, summarySection } from './summary-section.ts';

/** 8 MB minus, at worst, 0.6 for rows without script, 0.47 for maps and gaps, 0.3 for summary, notes and captions, 0.03 for style and script. */
const ROWS_AND_IMAGES_BYTES_MAX = 6_600_000;
const NAME_CHARACTERS_MAX = 200;

/** A whole page of less than 8 MB, given images of at most 2 MB (imaging/report-images.ts). */
export function reportPage(material: ReportMaterial): string {
  const { document } = material;
  const ordered = byImportance(document.findings);
  const colored = coloredLabels(countsByLabel(document.findings));
  const rows = compactRows(ordered, colored, ROWS_AND_IMAGES_BYTES_MAX - imageBytes(material));
  const linked = new Set(ordered.slice(0, rows.kept).map(({ id }) => id));
  const cited = new Set(citedIn(document.summary).filter((id) => linked.has(id)));
  const sections = [
    summarySection(material, linked),
    overlaySection(material),
    countsSection(material),
    gallerySection(ordered, material),
    tableSection(ordered, rows, { cited, colored }),
    material.trace ? searchSection(material.trace) : gapsSection(material),
    modelsSection(material),
    limitsSection(material),
  ].filter((section) => section !== null);
  const name = imageName(document);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${isolated(name)}: what tilesight found</title>
<style>${code(STYLE)}</style>
</head>
<body>
<a class="skip" href="#findings">Skip to all findings</a>
${heading(material, name, sections)}
<main>
${sections.map(sectionOf)}
</main>
<footer><p>Execution <code>${document.execution_id}</code>. Made by tilesight. findings.json has everything in full.</p></footer>
<script>${code(SCRIPT)}</script>
</body>
</html>
`.text;
}

function imageBytes({ images: { overlay, thumbnail, crops } }: ReportMaterial): number {
  return [overlay, thumbnail, ...crops.values()].reduce((sum, image) => sum + (image?.base64.length ?? 0), 0);
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Only the style and the script in the page may be applied and run; nothing may be loaded or sent. */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function heading({ document, startedAt }: ReportMaterial, name: string, sections: readonly Section[]): Markup {
  const { status, image, tiles, findings, usage } = document;
  const figures: [string, string][] = [
    ['findings', count(findings.length)],
    document.answer
      ? ['looks', count(document.answer.looks)]
      : ['tiles analyzed', `${count(tiles.done)} of ${count(tiles.total)}`],
    ...otherTiles(tiles),
    ['pixels', `${count(image.width)} × ${count(image.height)}`],
    ['cost', cost(usage.cost_usd)],
  ];
  return html`<header>
<p class="status ${status.toLowerCase()}">${status}</p>
<h1>${foreign(name)}</h1>
<p class="aside">${isUpload(image.uri) ? 'uploaded' : foreign(shortened(image.uri, 500))}, ${image.format}, analyzed on <time datetime="${startedAt}">${startedAt.slice(0, 16).replace('T', ' ')} UTC</time></p>
<dl class="figures">${figures.map(([name, figure]) => html`<div><dt>${name}</dt><dd>${figure}</dd></div>`)}</dl>
${contents(sections)}
</header>`;
}

/** Tiles that were not analyzed, by why. */
function otherTiles({ blank, failed, not_analyzed }: FindingsDocument['tiles']): [string, string][] {
  const counts: [string, number][] = [
    ['blank', blank],
    ['failed', failed.length],
    ['not analyzed', not_analyzed.length],
  ];
  return counts.flatMap(([name, tiles]): [string, string][] => (tiles === 0 ? [] : [[name, count(tiles)]]));
}

/** Reports are passed on, so the part of an upload id that makes it hard to guess is not shown. */
const isUpload = (uri: string) => uri.startsWith('upload://');

/** The last segment of the address. */
function imageName({ image: { uri } }: FindingsDocument): string {
  const last = uri.split(/[/\\]/).findLast((part) => part !== '') ?? uri;
  const name = isUpload(uri) ? last.replace(/-[0-9a-f]{20}.*$/, '') : last;
  return shortened(name === '' ? uri : name, NAME_CHARACTERS_MAX);
}

/** For titles, which cannot contain elements: marks that keep the writing direction inside the text. */
function isolated(text: string): string {
  return `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069`;
}
