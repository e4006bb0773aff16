// The report's script, which sorts, filters and pages the table in a browser. It is text, not a module: the page's policy allows it
// by its hash, and a bundler must not change it. Writes text with textContent only. Must not contain a backslash, a backquote or ${.

export const SCRIPT = `'use strict';
(() => {
  const PAGE = 100;
  const OPEN_FROM = 160; // characters; longer texts are collapsed
  const LABELS = 200;
  const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'];
  // An option cannot contain elements, so marks isolate the writing direction of its text; marks in the text are removed.
  const DIRECTIONS = new RegExp('[' + String.fromCharCode(0x202a, 45, 0x202e, 0x2066, 45, 0x2069) + ']', 'g');
  const isolated = (text) => String.fromCharCode(0x2068) + text.replace(DIRECTIONS, '') + String.fromCharCode(0x2069);
  const VERDICTS = ['', 'confirmed', 'rejected', 'corrected'];
  const byId = (id) => document.getElementById(id);
  const source = byId('rows');
  if (!source) return;

  const { labels, colored, texts, rows } = JSON.parse(source.textContent);
  const textAt = (short) => (typeof short === 'string' ? short : short ? texts[short - 1] : '');
  const findings = rows.map(([id, label, score, severity, left, top, width, height, description, text, verdict], order) => ({
    order, label, severity, box: [left, top, width, height],
    id: typeof id === 'number' ? 'f' + id : id,
    score: score / 1000, description: textAt(description), text: textAt(text), verdict: verdict || 0,
  }));
  const count = (number) => number.toLocaleString('en');
  const collator = new Intl.Collator('en', { numeric: true });
  const labelRank = [];
  labels.map((name, label) => label).sort((a, b) => collator.compare(labels[a], labels[b])).forEach((label, rank) => { labelRank[label] = rank; });
  // The same colors as in the image: the most frequent labels of all findings have one of their own.
  const swatches = new Map(colored.map((label, place) => [label, 'swatch label-' + place]));
  const wordsOf = (finding) => finding.text || finding.description;

  // Each order ascending; falls is true if the first press begins with the largest value.
  const SORTS = {
    order: { compare: (a, b) => a.order - b.order },
    id: { compare: (a, b) => collator.compare(a.id, b.id) },
    label: { compare: (a, b) => labelRank[a.label] - labelRank[b.label] },
    severity: { compare: (a, b) => a.severity - b.severity, falls: true },
    score: { compare: (a, b) => a.score - b.score, falls: true },
    words: { compare: (a, b) => Number(!wordsOf(a)) - Number(!wordsOf(b)) || collator.compare(wordsOf(a), wordsOf(b)) },
    place: { compare: (a, b) => a.box[1] - b.box[1] || a.box[0] - b.box[0] },
    verdict: { compare: (a, b) => a.verdict - b.verdict, falls: true },
  };

  const table = byId('table');
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const judged = heads.some((head) => head.dataset.column === 'verdict');
  const form = byId('filters');
  const pager = byId('pages');
  let sort = { column: 'order', falling: false };
  let shown = findings;
  let page = 0;
  let current = null;

  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const foreign = (text) => make('bdi', { textContent: text });

  function long(text, quoted) {
    const wrap = (part) => (quoted ? make('q', {}, foreign(part)) : foreign(part));
    if (text.length <= OPEN_FROM) return wrap(text);
    const start = Array.from(text.slice(0, OPEN_FROM)).slice(0, -20).join('') + '…';
    const summary = make('summary', {}, foreign(start));
    return make('details', {}, summary, wrap(text));
  }

  function cell(properties, ...children) {
    const element = make('td', properties, ...children);
    element.setAttribute('role', 'cell');
    return element;
  }

  function rowFor(finding) {
    const link = make('a', { textContent: finding.id });
    link.setAttribute('href', '#row-' + encodeURIComponent(finding.id));
    const head = make('th', { scope: 'row' }, link);
    head.setAttribute('role', 'rowheader');
    const [left, top, width, height] = finding.box.map(count);
    // The name of a button begins with what it does and contains what it shows.
    const action = make('span', { className: 'visually-hidden', textContent: 'Show ' + finding.id + ' in the image: ' });
    const place = make('button', { type: 'button' }, action, left + ', ' + top + ' · ' + width + ' × ' + height);
    place.addEventListener('click', () => showInImage(finding));
    const severity = SEVERITIES[finding.severity];
    const words = [];
    if (finding.text) words.push(long(finding.text, true), ' ');
    if (finding.description) words.push(long(finding.description, false));
    const row = make('tr', { id: 'row-' + finding.id, tabIndex: -1, className: finding === current ? 'current' : '' }, head,
      cell({}, make('span', { className: swatches.get(labels[finding.label]) || 'swatch label-other' }), foreign(labels[finding.label])),
      cell({}, make('span', { className: 'severity ' + severity, textContent: severity })),
      cell({ className: 'number', textContent: finding.score.toFixed(2) }),
      cell({ className: 'words' }, ...words),
      cell({ className: 'number' }, place));
    if (judged) row.append(cell({ textContent: VERDICTS[finding.verdict] }));
    row.setAttribute('role', 'row');
    return row;
  }

  function render() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const from = page * PAGE;
    const part = shown.slice(from, from + PAGE);
    body.replaceChildren(...part.map(rowFor));
    for (const head of heads) {
      if (head.dataset.column === sort.column) head.setAttribute('aria-sort', sort.falling ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    const of = shown.length === findings.length ? count(findings.length) : count(shown.length) + ' that match, ' + count(findings.length) + ' in total';
    byId('shown').textContent = shown.length === 0 ? 'No finding matches the filters.' : 'Findings ' + count(from + 1) + ' to ' + count(from + part.length) + ' of ' + of;
    pager.hidden = pages === 1;
    byId('page').textContent = 'Page ' + count(page + 1) + ' of ' + count(pages);
    for (const button of pager.querySelectorAll('button')) {
      button.setAttribute('aria-disabled', String(button.dataset.to === 'first' || button.dataset.to === 'previous' ? page === 0 : page === pages - 1));
    }
  }

  function select() {
    const words = byId('words').value.toLowerCase().split(' ').filter(Boolean);
    const label = byId('label').value === '' ? null : Number(byId('label').value);
    const severity = Number(byId('severity').value);
    const score = Number(byId('score').value) - 0.0001;
    const matches = (finding) => {
      if ((label !== null && finding.label !== label) || finding.severity < severity || finding.score < score) return false;
      if (words.length === 0) return true;
      finding.haystack ||= [finding.id, labels[finding.label], finding.text, finding.description].join(' ').toLowerCase();
      return words.every((word) => finding.haystack.includes(word));
    };
    const { compare } = SORTS[sort.column];
    const sign = sort.falling ? -1 : 1;
    shown = findings.filter(matches).sort((a, b) => sign * compare(a, b) || a.order - b.order);
    page = 0;
    render();
  }

  function showRow(id) {
    const finding = findings.find((one) => one.id === id);
    if (!finding) return;
    if (!shown.includes(finding)) {
      for (const [field, value] of Object.entries({ words: '', label: '', severity: '0', score: '0' })) byId(field).value = value;
      select();
    }
    current = finding;
    mark(finding);
    page = Math.floor(shown.indexOf(finding) / PAGE);
    render();
    const row = byId('row-' + id);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'center' });
  }

  // Large enough to be visible on the scaled-down copy.
  function mark({ box: [left, top, width, height] }) {
    const marker = byId('marker');
    if (!marker) return;
    const least = marker.ownerSVGElement.viewBox.baseVal.width / 60;
    const [wide, high] = [Math.max(width, least), Math.max(height, least)];
    const place = { x: left + (width - wide) / 2, y: top + (height - high) / 2, width: wide, height: high };
    for (const [name, value] of Object.entries(place)) marker.setAttribute(name, String(value));
  }

  function showInImage(finding) {
    current = finding;
    render();
    mark(finding);
    const image = byId('image');
    if (!image) return;
    image.focus({ preventScroll: true });
    image.scrollIntoView({ block: 'center' });
  }

  // '#row-f12' as the links of this page, and '#f12' as those of the local page.
  function fromAddress() {
    const { hash } = location;
    try {
      showRow(decodeURIComponent(hash.slice(hash.startsWith('#row-') ? 5 : 1)));
    } catch {
      // a malformed hash, typed by hand
    }
  }

  for (const head of heads) {
    const { column } = head.dataset;
    const button = make('button', { type: 'button', textContent: head.textContent });
    button.addEventListener('click', () => {
      const falling = sort.column === column ? !sort.falling : SORTS[column].falls === true;
      sort = { column, falling };
      select();
    });
    head.replaceChildren(button);
  }
  const often = new Map();
  for (const { label } of findings) often.set(label, (often.get(label) || 0) + 1);
  const commonest = [...often].sort((a, b) => b[1] - a[1]).slice(0, LABELS).sort((a, b) => labelRank[a[0]] - labelRank[b[0]]);
  for (const [label, number] of commonest) byId('label').append(make('option', { value: String(label), textContent: isolated(labels[label]) + ' (' + count(number) + ')' }));
  const steps = { first: () => 0, previous: () => page - 1, next: () => page + 1, last: () => Infinity };
  const buttons = Object.entries(steps).map(([to, step]) => {
    const button = make('button', { type: 'button', textContent: to[0].toUpperCase() + to.slice(1) });
    button.dataset.to = to;
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') === 'true') return;
      page = Math.min(step(), Math.ceil(shown.length / PAGE) - 1);
      render();
      byId('shown').scrollIntoView({ block: 'nearest' });
    });
    return button;
  });
  pager.append(buttons[0], buttons[1], make('span', { id: 'page' }), buttons[2], buttons[3]);
  form.hidden = false;
  byId('without').hidden = true;
  form.addEventListener('input', select);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(select));
  // A second click on the same link changes no address, but the row may have left the page in between.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#row-"]');
    if (!link || link.getAttribute('href') !== location.hash) return;
    event.preventDefault();
    fromAddress();
  });
  addEventListener('hashchange', fromAddress);
  render();
  fromAddress();
})();
`;
