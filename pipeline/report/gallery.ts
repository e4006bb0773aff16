// The image with a box around each finding, and a crop of each of the most important ones. Pure.
import type { Finding } from '../contract/schemas.ts';
import { counted, foreign, html, type Markup, shortened } from './html.ts';
import { dataUrlImage, type ReportMaterial, rowOf, severityMark } from './material.ts';
import { descriptionOf } from './rows.ts';
import type { Section } from './section.ts';

/** A card is for a glance; the table has the whole text. */
const WORDS_CHARACTERS_MAX = 160;
const LABEL_CHARACTERS_MAX = 60;

/** The script moves the marker to the finding that the reader selects. */
export function overlaySection({ document: { image }, images: { overlay } }: ReportMaterial): Section | null {
  if (!overlay) return null;
  const body = html`<figure class="overlay">
<div>${dataUrlImage(overlay, 'The whole image with a box around every finding. The table of findings lists them in words.')}
<svg viewBox="0 0 ${image.width} ${image.height}" preserveAspectRatio="none" aria-hidden="true"><rect id="marker" class="marker" width="0" height="0"/></svg></div>
<figcaption>Every finding that was not rejected, on a scaled-down copy. Colors distinguish labels.</figcaption>
</figure>`;
  return { id: 'image', title: 'The image', body };
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
