// The style of the report: phone and wide screen, light and dark, print. Loads nothing, not even a font.
import { LABEL_COLORS, OTHER_LABELS, SEVERITY_LOOKS } from '../findings/marks.ts';

/** Classes, because the page's policy allows no style attributes. */
const LABEL_CLASSES = [
  ...LABEL_COLORS.map(({ color }, place) => `.label-${place}::before { background: ${color}; }`),
  `.label-other::before { background: ${OTHER_LABELS.color}; }`,
].join('\n');
const SEVERITY_MARKS = Object.entries(SEVERITY_LOOKS)
  .filter(([, { mark }]) => mark !== '')
  .map(([severity, { mark }]) => `.severity.${severity}::before { content: "${mark} "; }`)
  .join('\n');

export const STYLE = `
:root { color-scheme: light dark; --ground: #f6f5f2; --surface: #fff; --ink: #1d2127; --soft: #5a6270; --line: #dddcd6; --accent: #0a58a6;
  --info: #67758a; --low: #1f7a63; --medium: #955f00; --high: #bd4206; --critical: #b0143f; --mark: #fff3c4; --shade: #e9e7e1; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --surface: #1d2127; --ink: #e9ebee; --soft: #a6aebb; --line: #353b45; --accent: #82bdf7;
    --info: #98a6ba; --low: #5cc0a4; --medium: #e3ab4a; --high: #f38f5d; --critical: #ff7593; --mark: #4a3d10; --shade: #2a2f37; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 76rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { margin: .25rem 0; font-size: clamp(1.5rem, 4vw, 2.25rem); line-height: 1.15; letter-spacing: -.015em; }
h2 { margin: 0 0 .75rem; font-size: 1.2rem; line-height: 1.25; }
p { margin: 0 0 .75rem; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; }
section { margin-top: 1.25rem; padding: 1.25rem; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
section > :last-child, section p:last-child { margin-bottom: 0; }
footer { margin-top: 1.5rem; color: var(--soft); font-size: .875rem; }
header nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; list-style: none; margin: 1rem 0 0; padding: 0; }
ul.notes { margin: 1rem 0 0; padding-inline-start: 1.25rem; max-width: 50em; }
.notes li { margin-bottom: .35rem; }
.skip { position: absolute; left: 1rem; top: -4rem; padding: .5rem 1rem; background: var(--surface); z-index: 3; }
.skip:focus { top: .5rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.aside, figcaption { color: var(--soft); font-size: .875rem; }
.long { white-space: pre-line; max-width: 50em; }
.number { font-variant-numeric: tabular-nums; }
.warning { padding: .6rem .9rem; border-left: 4px solid var(--high); background: var(--ground); border-radius: 4px; }

.status { display: inline-block; margin: 0; padding: .15rem .7rem; border-radius: 99px; background: var(--high); color: var(--surface); font-size: .8rem; font-weight: 700; letter-spacing: .05em; }
.status.succeeded { background: var(--low); }
.status.failed { background: var(--critical); }
dl { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem 1.5rem; }
dt { color: var(--soft); font-size: .8125rem; }
dd { margin: 0; }
dl.figures { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin-top: 1rem; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dd { font-size: 1.5rem; font-weight: 650; line-height: 1.2; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }

.overlay div { position: relative; width: fit-content; max-width: 100%; margin: 0 auto .5rem; }
.overlay img { border-radius: 6px; }
.overlay svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; pointer-events: none; }
.marker { fill: none; stroke: var(--critical); stroke-width: 6px; vector-effect: non-scaling-stroke; }
.marker[width="0"] { visibility: hidden; }
.overlay .failed { fill: var(--critical); fill-opacity: .45; } .overlay .not-analyzed { fill: var(--medium); fill-opacity: .45; }

table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
caption { text-align: start; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .4rem .6rem; text-align: start; vertical-align: top; font-weight: inherit; }
thead th { font-weight: 600; overflow-wrap: normal; }
tbody tr { border-top: 1px solid var(--line); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1.25rem 3rem; }
.chart tbody tr { border: 0; }
.chart th, .chart td { padding: .15rem .5rem .15rem 0; vertical-align: middle; }
.chart th { width: 1%; min-width: 6rem; max-width: 14rem; }
.chart .number { width: 1%; text-align: end; white-space: nowrap; }
.bar svg { display: block; width: 100%; height: .8rem; border-radius: 2px; }
rect.info { fill: var(--info); } rect.low { fill: var(--low); } rect.medium { fill: var(--medium); }
rect.high { fill: var(--high); } rect.critical { fill: var(--critical); }
.severity { white-space: nowrap; color: var(--info); }
.severity::before { font-weight: 700; }
${SEVERITY_MARKS}
.swatch::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-inline-end: .4em; vertical-align: -.05em; border: 1px solid rgb(0 0 0 / .55); border-radius: 3px;
  forced-color-adjust: none; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
${LABEL_CLASSES}
.labels { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .25rem 0 .5rem; padding: 0; font-size: .9375rem; }
.severity.low { color: var(--low); } .severity.medium { color: var(--medium); }
.severity.high { color: var(--high); font-weight: 600; } .severity.critical { color: var(--critical); font-weight: 700; }

.gallery, .maps { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(12.5rem, 45%), 1fr)); }
.gallery img { width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: var(--shade); border-radius: 6px; }
.gallery figcaption { padding-top: .35rem; line-height: 1.35; color: var(--ink); }
.gallery p { margin: 0; }
.gallery .number { color: var(--soft); }
.gallery .words { color: var(--soft); display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }

form { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: end; margin-bottom: .75rem; }
[hidden] { display: none !important; }
form p { margin: 0; flex: 0 1 10rem; min-width: 0; }
form p:first-child { flex: 1 1 14rem; }
form p:last-child { flex: 0 0 auto; }
label { display: block; color: var(--soft); font-size: .8125rem; }
input, select, button { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--soft); border-radius: 6px; padding: .35rem .6rem; min-height: 2.5rem; }
input, select { width: 100%; }
button { cursor: pointer; }
button:hover { border-color: var(--accent); color: var(--accent); }
button[aria-disabled="true"] { opacity: .45; cursor: default; }
#pages { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0; }
#pages span { padding: 0 .5rem; font-variant-numeric: tabular-nums; }
#table thead th { position: sticky; top: 0; z-index: 1; background: var(--surface); box-shadow: inset 0 -2px var(--line); white-space: nowrap; }
#table thead button { padding: .25rem .1rem; min-height: 2rem; border: 0; background: none; font-weight: 600; text-align: start; }
#table thead button::after { content: "↕"; margin-inline-start: .35em; opacity: .35; font-weight: 400; }
#table [aria-sort="ascending"] button::after { content: "↑"; opacity: 1; }
#table [aria-sort="descending"] button::after { content: "↓"; opacity: 1; }
#table tbody .number, #table tbody th { white-space: nowrap; }
#table tbody th { font-weight: 600; }
#table tbody td:nth-child(2) { min-width: 7rem; }
#table .words { min-width: 11rem; }
#table tr:target, #table tr.current { background: var(--mark); }
#table td button { padding: 0; min-height: 0; border: 0; background: none; text-align: start; font-variant-numeric: tabular-nums;
  text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: .2em; }
details { max-width: 40em; }
summary { cursor: pointer; }

.maps { grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); margin-top: .75rem; }
.map { display: block; width: 100%; height: auto; max-height: 24rem; background: var(--shade); border-radius: 4px; }
.map use { opacity: .55; }
.map .lines { fill: none; stroke: var(--ink); opacity: .3; }
.map .failed { fill: var(--critical); fill-opacity: .8; }
.map .not-analyzed { fill: var(--medium); fill-opacity: .8; }
.map .blank { fill: var(--surface); fill-opacity: .85; }
.map .outside { fill: var(--soft); fill-opacity: .75; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0 0; font-size: .875rem; }
.legend span::before { content: ""; display: inline-block; width: .9em; height: .9em; margin-inline-end: .4em; vertical-align: -.1em; border: 1px solid var(--soft); border-radius: 2px; }
.legend .failed::before { background: var(--critical); }
.legend .not-analyzed::before { background: var(--medium); }
.legend .outside::before { background: var(--soft); }

@media (max-width: 64rem) {
  body { padding: 1rem .75rem 2rem; }
  section { padding: 1rem .9rem; }
  form p, form p:first-child { flex: 1 1 8rem; }
  #table, #table tbody { display: block; }
  #table thead { display: block; }
  #table thead tr { display: flex; flex-wrap: wrap; gap: 0 1rem; border-bottom: 2px solid var(--line); }
  #table thead th { position: static; padding: 0; box-shadow: none; white-space: normal; }
  #table tbody tr { display: grid; grid-template-columns: auto 1fr auto auto; gap: .1rem .75rem; padding: .6rem .25rem; }
  #table tbody th, #table tbody td { padding: 0; border: 0; }
  #table tbody td:nth-child(2) { min-width: 0; }
  #table tbody td:nth-child(n + 5) { grid-column: 1 / -1; min-width: 0; }
  #table tbody td:empty { display: none; }
}
@media print { .status, .map, .overlay svg, .bar, .legend span { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .status { border: 1px solid; color: #000; background: none !important; } body { max-width: none; } form, nav, .skip { display: none; } section { break-inside: auto; border: 0; padding: 0; } tr, li { break-inside: avoid; } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
`;
