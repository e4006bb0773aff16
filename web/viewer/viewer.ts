// The image, as deep as it is stored: OpenSeadragon over the tiles of its pyramid. Knows pixels; knows nothing of findings.
import OpenSeadragon from 'openseadragon';
import type { StoredImage } from '../../pipeline/planning/pyramid-levels.ts';
import type { Box } from '../shared/findings.ts';

/** What is seen now: a pixel (x, y) of the full image is at ((x - left) * scale, (y - top) * scale) of the canvas. */
export interface View {
  left: number;
  top: number;
  /** CSS pixels a pixel of the image. */
  scale: number;
  /** Of the canvas, in CSS pixels. */
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Viewer {
  /** So that the box is in the middle, with what is around it. */
  flyTo(box: Box): void;
  zoomBy(factor: number): void;
  showAll(): void;
  /** Draws again, at the next frame. */
  redraw(): void;
}

export interface Layer {
  /** Of the canvas over the image, cleared and in CSS pixels. */
  draw(context: CanvasRenderingContext2D, view: View, canvas: HTMLCanvasElement): void;
  /** Points in CSS pixels of the canvas. */
  press(at: Point): void;
  /** True for what can be pressed. */
  hover(at: Point | null): boolean;
}

/** Of the shorter side of the view that a box fills at most, and the fewest pixels that are shown around a small one. */
const BOX_SHARE = 0.35;
const AROUND_PX = 160;
const ZOOM_PIXEL_RATIO_MAX = 8;

export function openViewer(container: HTMLElement, executionId: string, image: StoredImage, layer: Layer): Viewer {
  withoutOwnStyle();
  const viewer = OpenSeadragon({
    ...{ element: container, drawer: 'canvas', tileSources: sourceOf(executionId, image) as never },
    ...{ showNavigationControl: false, visibilityRatio: 0.5, minZoomImageRatio: 0.8, maxZoomPixelRatio: ZOOM_PIXEL_RATIO_MAX },
    ...{ gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, animationTime: 0.6, imageLoaderLimit: 6 },
  });
  viewer.canvas.setAttribute('aria-label', 'Image: arrow keys move, plus and minus zoom');
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const { width } = image;
  const viewNow = (): View => {
    const { x, y, width: share } = viewer.viewport.getBounds(true);
    const size = viewer.viewport.getContainerSize();
    return { left: x * width, top: y * width, scale: size.x / (share * width), width: size.x, height: size.y };
  };
  const redraw = drawnOver(viewer, layer, viewNow);

  viewer.addHandler('canvas-click', (event) => {
    if (event.quick) layer.press(event.position);
  });
  viewer.addHandler('canvas-drag', () => void layer.hover(null));
  viewer.canvas.addEventListener('pointermove', ({ clientX, clientY, buttons }) => {
    if (buttons !== 0) return;
    const { left, top } = viewer.canvas.getBoundingClientRect();
    viewer.canvas.style.cursor = layer.hover({ x: clientX - left, y: clientY - top }) ? 'pointer' : '';
  });
  viewer.canvas.addEventListener('pointerleave', () => void layer.hover(null));

  const flyTo = (box: Box, atOnce: boolean) => {
    const [x, y, across, down] = aroundOf(box, viewNow());
    viewer.viewport.fitBounds(new OpenSeadragon.Rect(x / width, y / width, across / width, down / width), atOnce);
  };
  let first: Box | null = null;
  viewer.addHandler('open', () => {
    if (first) flyTo(first, true);
  });

  return {
    flyTo(box) {
      if (viewer.isOpen()) flyTo(box, still.matches);
      else first = box;
    },
    zoomBy(factor) {
      viewer.viewport.zoomBy(factor, undefined, still.matches);
      viewer.viewport.applyConstraints();
    },
    showAll: () => void viewer.viewport.goHome(still.matches),
    redraw,
  };
}

/** OpenSeadragon adds a style of its own to the document, which this page's policy refuses, unless it finds it there already. */
function withoutOwnStyle(): void {
  const style = document.createElementNS(null, 'style'); // by its name only: an element of HTML would be refused, too
  style.setAttribute('data-openseadragon-mobile-css', 'true');
  document.head.append(style);
}

/** Deep Zoom counts levels up from a single pixel; ours count down from full resolution. What is stored may begin at a coarser one. */
function sourceOf(executionId: string, { width, height, stridePx, marginPx, finestLevel, coarsestLevel }: StoredImage) {
  const stored = (px: number, level: number) => Math.ceil(px / 2 ** level);
  let oneTile = finestLevel;
  while (Math.max(stored(width, oneTile), stored(height, oneTile)) > stridePx) oneTile++;
  return {
    ...{ width: stored(width, finestLevel), height: stored(height, finestLevel), tileSize: stridePx, tileOverlap: marginPx },
    ...{ minLevel: coarsestLevel - oneTile, maxLevel: coarsestLevel - finestLevel },
    getTileUrl: (level: number, column: number, row: number) =>
      `/executions/${executionId}/pyramid/${coarsestLevel - level}/${column}_${row}.jpg`,
  };
}

/** In the shape of the view, so that its middle is that of the box. */
function aroundOf([left, top, width, height]: Box, view: View): Box {
  const perPx = Math.max(
    Math.max(width, AROUND_PX * BOX_SHARE) / (view.width * BOX_SHARE),
    Math.max(height, AROUND_PX * BOX_SHARE) / (view.height * BOX_SHARE),
    1 / ZOOM_PIXEL_RATIO_MAX,
  );
  const [across, down] = [view.width * perPx, view.height * perPx];
  return [left + width / 2 - across / 2, top + height / 2 - down / 2, across, down];
}

/** A canvas over the image, drawn with it. */
function drawnOver(viewer: OpenSeadragon.Viewer, layer: Layer, viewNow: () => View): () => void {
  const canvas = document.createElement('canvas');
  canvas.className = 'over';
  canvas.setAttribute('aria-hidden', 'true');
  viewer.canvas.append(canvas);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot draw on a canvas.');
  const draw = () => {
    if (!viewer.isOpen()) return;
    const view = viewNow();
    const [across, down] = [Math.round(view.width * devicePixelRatio), Math.round(view.height * devicePixelRatio)];
    if (canvas.width !== across) canvas.width = across;
    if (canvas.height !== down) canvas.height = down;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    layer.draw(context, view, canvas);
  };
  let asked = false;
  const redraw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
  viewer.addHandler('update-viewport', draw);
  viewer.addHandler('resize', redraw);
  viewer.addHandler('open', redraw);
  return redraw;
}
