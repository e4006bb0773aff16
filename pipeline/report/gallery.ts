// The image with a box around each finding, and a crop of each of the most important ones. Pure.
import type { Finding } from '../contract/schemas.ts';
import { coloredLabels, countsByLabel } from '../findings/marks.ts';
import { isRejected } from '../findings/verification.ts';
import { count, counted, foreign, html, type Markup, shortened } from './html.ts';
import { dataUrlImage, type ReportMaterial, rowOf, severityMark, swatch } from './material.ts';
import { descriptionOf } from './rows.ts';
import type { Section } from './section.ts';
import { gapPaths } from './tile-map.ts';

/** A card is for a glance; the table has the whole text. */
const WORDS_CHARACTERS_MAX = 160;
const LABEL_CHARACTERS_MAX = 60;

/** The script moves the marker to the finding that the reader selects. */
export function overlaySection({ document, plan, images: { overlay } }: ReportMaterial): Section | null {
  if (!overlay) return null;
  const { image, tiles } = document;
  const shown = document.findings.filter((finding) => !isRejected(finding));
  const gaps = gapPaths(plan, tiles);
  const body = html`<figure class="overlay">
<div>${dataUrlImage(overlay, 'The whole image with a box around every finding. The table of findings lists them in words.')}
<svg viewBox="0 0 ${image.width} ${image.height}" preserveAspectRatio="none" aria-hidden="true">${gaps}<rect id="marker" class="marker" width="0" height="0"/></svg></div>
${legend(shown, document.findings)}
<figcaption>Every finding that was not rejected, on a scaled-down copy. Thicker lines are more severe.${gaps && ' Shaded areas were not analyzed at the finest resolution.'}</figcaption>
</figure>`;
  return { id: 'image', title: 'The image', body };
}

/** The labels with a color of their own, then the rest. */
function legend(shown: readonly Finding[], all: readonly Finding[]): Markup {
  const colored = coloredLabels(countsByLabel(all));
  const counts = countsByLabel(shown);
  const own = colored.flatMap((label): Markup[] => {
    const findings = counts.get(label);
    if (findings === undefined) return [];
    const words = html`${foreign(shortened(label, LABEL_CHARACTERS_MAX))} <span class="number">${count(findings)}</span>`;
    return [html`<li>${swatch(label, colored, words)}</li>`];
  });
  const others = [...counts.keys()].filter((label) => !colored.includes(label));
  const rest = others.length > 0 && html`<li>${swatch('', [], html`${counted(others.length, 'more label')}`)}</li>`;
  return html`<ul class="labels" role="list" aria-label="Colors of labels">${own}${rest}</ul>`;
}

/** `ordered` has all findings, the most important ones first. */
export function gallerySection(ordered: readonly Finding[], { images: { crops } }: ReportMaterial): Section | null {
  const cards = ordered.flatMap((finding) => {
    const crop = crops.get(finding.id);
    if (!crop) return [];
    return [html`<li><figure>${dataUrlImage(crop, `${finding.id} and its surroundings`)}${caption(finding)}</figure></li>`];
  });
  if (cards.length === 0) return null;
  const title = cards.length < ordered.length ? `The ${cards.length} most important` : 'One by one';
  const body = html`${cards.length < ordered.length && html`<p>The most severe of ${counted(ordered.length, 'finding')} first, then those with the highest score.</p>`}
<ul class="gallery" role="list">${cards}</ul>`;
  return { id: 'gallery', title, body };
}

function caption(finding: Finding): Markup {
  const { id, label, score, severity, text } = finding;
  const words = text === null ? descriptionOf(finding) : `“${text}”`;
  return html`<figcaption><p><a href="#${rowOf(id)}">${id}</a> ${foreign(shortened(label, LABEL_CHARACTERS_MAX))}
<span class="number">${score.toFixed(2)}</span> ${severity !== 'info' && severityMark(severity)}</p>
${words !== '' && html`<p class="words">${foreign(shortened(words, WORDS_CHARACTERS_MAX))}</p>`}</figcaption>`;
}
