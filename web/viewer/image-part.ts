// The image with its overlays: tiles while it is analyzed, findings once there are any. Opens as soon as the image is cut into tiles.
import type { StoredImage } from '../../pipeline/planning/pyramid-levels.ts';
import { byId, count, counted } from '../shared/element.ts';
import type { Box, Findings } from '../shared/findings.ts';
import * as read from '../shared/read.ts';
import { documentAt } from '../shared/server-requests.ts';
import { type BoxLayer, boxLayer, type Drawn, type Target } from './boxes.ts';
import type { Layer, Point, View } from './layer.ts';
import type { TileGrid } from './tile-grid.ts';
import { openViewer, type Viewer } from './viewer.ts';

export interface ImagePart {
  /** Opens the image. `null` if it is not cut into tiles yet. */
  open(): Promise<StoredImage | null>;
  /** Why there is no image. */
  explain(sentence: string): void;
  showFindings(findings: Findings): void;
  showRows(rows: Uint32Array): void;
  showGrid(shown: boolean): void;
  select(row: number | null): void;
  /** Waits until the image is open. */
  flyTo(box: Box): void;
  redraw(): void;
}

const NOTHING_DRAWN: Drawn = { boxes: 0, clusters: 0 };

const readImage: read.Read<StoredImage> = read.fields({
  uri: read.text,
  width: read.number,
  height: read.number,
  stridePx: read.number,
  marginPx: read.number,
  finestLevel: read.number,
  coarsestLevel: read.number,
});

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
  const targetAt = (point: Point): Target | null => (view && boxes && showBoxes.isOn() ? boxes.targetAt(point, view) : null);

  const layer: Layer = {
    draw(context, now, canvas) {
      view = now;
      if (showGrid.isOn()) grid.drawOver(context, now);
      const drawn = boxes && showBoxes.isOn() ? boxes.draw(context, now, { selected, hovered }) : NOTHING_DRAWN;
      canvas.dataset.boxes = String(drawn.boxes);
      canvas.dataset.clusters = String(drawn.clusters);
      canvas.dataset.center = centerOf(now);
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
      const found = image ?? (await documentAt(`/executions/${executionId}/image`, readImage));
      if (image || !found) return image;
      image = found;
      byId('no-image', HTMLElement).hidden = true;
      viewer = openViewer(byId('image', HTMLElement), executionId, image, layer);
      if (next) viewer.flyTo(next);
      return image;
    },
    explain(sentence) {
      byId('no-image', HTMLElement).textContent = sentence;
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

/** In pixels of the full image. */
function centerOf({ left, top, width, height, scale }: View): string {
  return `${(left + width / scale / 2).toFixed(1)},${(top + height / scale / 2).toFixed(1)}`;
}

function wordsOf({ scale }: View, { boxes, clusters }: Drawn): string {
  const size = `${scale >= 0.1 ? Math.round(scale * 100) : (scale * 100).toPrecision(2)}%`;
  if (clusters > 0) return `${size} · ${counted(clusters, 'group')}: zoom in or click one`;
  return boxes > 0 ? `${size} · ${count(boxes)} in view` : size;
}

/** A button that stays pressed until it is pressed again. */
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
