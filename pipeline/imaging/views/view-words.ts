// Says in words what a view shows, and how its pixels become pixels of the full image. Pure.
import { at } from '../../contract/at.ts';
import type { Size } from '../../planning/geometry.ts';
import { type Turn, wayBack } from './turn.ts';
import type { Panel } from './view.ts';

const SCALE_DIGITS = 6; // of 40,000 px, shown in 1,568: less than a pixel off at the far side

interface Shown extends Size {
  panels: readonly Panel[];
}

export function viewWords({ width, height, panels }: Shown, image: Size, turn: Turn): string {
  const whole = `of the full image (${image.width} x ${image.height} pixels)`;
  const turned = turn === 0 ? '' : `, turned by ${turn} degrees clockwise`;
  if (panels.length === 1) {
    const { box } = at(panels, 0);
    const scale = shortScale(at(panels, 0));
    return (
      `Box [${box.join(', ')}] ${whole}, shown in ${width} x ${height} pixels at scale ${scale}${turned}: ` +
      `${wayBack({ box, scale, turn })}.${hint(panels)}`
    );
  }
  const rows = panels.map((panel, index) => {
    const [left, top, panelWidth, panelHeight] = panel.place;
    return `${index + 1}: box [${panel.box.join(', ')}] at scale ${shortScale(panel)}, in [${left}, ${top}, ${panelWidth}, ${panelHeight}] of this image.`;
  });
  return `${panels.length} boxes ${whole}, shown side by side in ${width} x ${height} pixels${turned}. ${rows.join(' ')}${hint(panels)}`;
}

function shortScale({ scale }: Panel): number {
  return Number(scale.toPrecision(SCALE_DIGITS));
}

/** An agent that does not see full resolution must know how to get it. */
function hint(panels: readonly Panel[]): string {
  return panels.some(({ scale }) => scale < 1) ? ' For full resolution, send a smaller box.' : '';
}
