// A section of the report, and the list of contents. Pure.
import { html, type Markup } from './html.ts';

export interface Section {
  /** The target of links to it. */
  id: string;
  title: string;
  body: Markup;
}

export function contents(sections: readonly Section[]): Markup {
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  return html`<nav aria-label="On this page"><ul role="list">${links}</ul></nav>`;
}

/** Can take the focus when a link leads to it. */
export function sectionOf({ id, title, body }: Section): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title" tabindex="-1">
<h2 id="${id}-title">${title}</h2>
${body}
</section>`;
}
