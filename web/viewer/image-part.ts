// The image and what is drawn over it: tiles while it is looked at, findings once there are any. Opens when the image has been cut.
import type { StoredImage } from '../../pipeline/planning/pyramid-levels.ts';
import { byId, count, counted } from '../shared/element.ts';
import type { Box, Findings } from '../shared/findings.ts';
import { type BoxLayer, boxLayer, type Drawn, type Target } from './boxes.ts';
import type { TileGrid } from './tile-grid.ts';
import { type Layer, openViewer, type Point, type View, type Viewer } from './viewer.ts';

export interface ImagePart {
  /** Opens the image if it has been cut. Null until then. */
  open(): Promise<StoredImage | null>;
  showFindings(findings: Findings): void;
  showRows(rows: Uint32Array): void;
  showGrid(shown: boolean): void;
  select(row: number | null): void;
  /** Once the image is open. */
  flyTo(box: Box): void;
  redraw(): void;
}

export function imagePart(executionId: string, grid: TileGrid, onSelect: (row: number | null) => void): ImagePart {
  let image: StoredImage | null = null;
  let viewer: Viewer | null = null;
  let boxes: BoxLayer | null = null;
  let view: View | null = null;
  let selected: number | null = null;
  let hovered: number | null = null;
  let next: Box | null = null;
  const redraw = () => viewer?.redraw();
  const showBoxes = toggle('show-boxes', redraw);
  const showGrid = toggle('show-grid', redraw);
  const inView = byId('in-view', HTMLElement);
  const targetAt = (point: Point): Target | null => (view && boxes && showBoxes.isOn() ? boxes.at(point, view) : null);

  const layer: Layer = {
    draw(context, now, canvas) {
      view = now;
      if (showGrid.isOn()) grid.drawOver(context, now);
      const drawn = boxes && showBoxes.isOn() ? boxes.draw(context, now, { selected, hovered }) : NOTHING;
      const [x, y] = [now.left + now.width / now.scale / 2, now.top + now.height / now.scale / 2];
      Object.assign(canvas.dataset, { boxes: drawn.boxes, clusters: drawn.clusters, centre: `${x.toFixed(1)},${y.toFixed(1)}` });
      inView.textContent = wordsOf(now, drawn);
    },
    press(point) {
      const target = targetAt(point);
      if (target && 'around' in target) viewer?.flyTo(target.around);
      else onSelect(target ? target.row : null);
    },
    hover(point) {
      const target = point && targetAt(point);
      const row = target && 'row' in target ? target.row : null;
      if (row !== hovered) redraw();
      hovered = row;
      return target !== null;
    },
  };

  byId('zoom-in', HTMLButtonElement).addEventListener('click', () => viewer?.zoomBy(1.6));
  byId('zoom-out', HTMLButtonElement).addEventListener('click', () => viewer?.zoomBy(1 / 1.6));
  byId('zoom-fit', HTMLButtonElement).addEventListener('click', () => viewer?.showAll());

  return {
    async open() {
      const found = image ?? (await imageOf(executionId));
      if (image || !found) return image;
      image = found;
      byId('no-image', HTMLElement).hidden = true;
      viewer = openViewer(byId('image', HTMLElement), executionId, image, layer);
      if (next) viewer.flyTo(next);
      return image;
    },
    showFindings(findings) {
      boxes = boxLayer(findings);
      redraw();
    },
    showRows(rows) {
      boxes?.show(rows);
      redraw();
    },
    showGrid: (shown) => showGrid.set(shown),
    select(row) {
      selected = row;
      redraw();
    },
    flyTo(box) {
      next = box;
      viewer?.flyTo(box);
    },
    redraw,
  };
}

const NOTHING: Drawn = { boxes: 0, clusters: 0 };

async function imageOf(executionId: string): Promise<StoredImage | null> {
  const response = await fetch(`/executions/${executionId}/image`).catch(() => null);
  return response?.ok ? ((await response.json()) as StoredImage | null) : null;
}

function wordsOf({ scale }: View, { boxes, clusters }: Drawn): string {
  const size = `${scale >= 0.1 ? Math.round(scale * 100) : (scale * 100).toPrecision(2)} %`;
  if (clusters > 0) return `${size} · ${counted(clusters, 'group')}: zoom in, or press one`;
  return boxes > 0 ? `${size} · ${count(boxes)} in view` : size;
}

/** A button that is pressed or not. */
function toggle(id: string, onChange: () => void): { isOn(): boolean; set(on: boolean): void } {
  const button = byId(id, HTMLButtonElement);
  const isOn = () => button.getAttribute('aria-pressed') === 'true';
  const set = (on: boolean) => {
    button.setAttribute('aria-pressed', String(on));
    onChange();
  };
  button.addEventListener('click', () => set(!isOn()));
  return { isOn, set };
}
