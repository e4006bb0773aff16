// Shows the stored pyramid of an image with OpenSeadragon: pan, zoom, and a layer on top. Knows nothing about findings.
import OpenSeadragon from 'openseadragon';
import type { StoredImage } from '../../pipeline/planning/pyramid-levels.ts';
import type { Box } from '../shared/findings.ts';
import type { Layer, View } from './layer.ts';
import { overlayCanvas } from './overlay-canvas.ts';
import { pyramidSource } from './pyramid-source.ts';

export interface Viewer {
  /** Moves the box to the middle of the view, with its surroundings. */
  flyTo(box: Box): void;
  zoomBy(factor: number): void;
  showAll(): void;
  /** Redraws the layer at the next frame. */
  redraw(): void;
}

/** A box fills at most this share of the view's shorter side. */
const BOX_SHARE = 0.35;
/** Pixels of the image that are shown at least around a small box. */
const AROUND_PX = 160;
const ZOOM_PIXEL_RATIO_MAX = 8;
/** OpenSeadragon's other keys rotate and flip the image, which the layer on top does not follow. */
const KEYS = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', ...'+=-_0wasdWASD']);
/** After these, the view is where the user has put it. */
const MOVES = ['canvas-drag', 'canvas-scroll', 'canvas-pinch', 'canvas-double-click'] as const;

/** What the view shows until the user moves it, in every size of the window. `null` once it is moved. */
type Fitted = 'all' | Box | null;

export function openViewer(container: HTMLElement, executionId: string, image: StoredImage, layer: Layer): Viewer {
  preventInjectedStyle();
  const viewer = OpenSeadragon({
    element: container,
    drawer: 'canvas',
    tileSources: pyramidSource(executionId, image),
    showNavigationControl: false,
    visibilityRatio: 0.5,
    minZoomImageRatio: 0.8,
    maxZoomPixelRatio: ZOOM_PIXEL_RATIO_MAX,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    animationTime: 0.6,
    imageLoaderLimit: 6,
  });
  viewer.canvas.setAttribute('role', 'application');
  viewer.canvas.setAttribute('aria-label', 'Image. Arrow keys pan, plus and minus zoom.');
  const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  const { width } = image;
  const currentView = (): View => {
    const { x, y, width: share } = viewer.viewport.getBounds(true);
    const size = viewer.viewport.getContainerSize();
    return { left: x * width, top: y * width, scale: size.x / (share * width), width: size.x, height: size.y };
  };
  const redraw = overlayCanvas(viewer, layer, currentView);

  let fitted: Fitted = 'all';
  for (const move of MOVES) {
    viewer.addHandler(move, () => {
      fitted = null;
    });
  }
  viewer.addHandler('canvas-key', (event) => {
    const { key } = event.originalEvent as KeyboardEvent;
    event.preventDefaultAction = !KEYS.has(key);
    if (KEYS.has(key)) fitted = key === '0' ? 'all' : null;
  });
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

  const show = (shown: Fitted, immediately: boolean) => {
    fitted = shown;
    if (shown === null) return;
    if (shown === 'all') {
      viewer.viewport.goHome(immediately);
      return;
    }
    const [left, top, across, down] = surroundingsOf(shown, currentView());
    viewer.viewport.fitBounds(new OpenSeadragon.Rect(left / width, top / width, across / width, down / width), immediately);
  };
  viewer.addHandler('open', () => show(fitted, true));
  let resized = false;
  viewer.addHandler('after-resize', () => {
    resized = true;
  });
  // OpenSeadragon keeps its own idea of the view after a resize; this event comes when it has applied it.
  viewer.addHandler('viewport-change', () => {
    if (resized) show(fitted, true);
    resized = false;
  });

  return {
    flyTo(box) {
      if (viewer.isOpen()) show(box, reducedMotion.matches);
      else fitted = box;
    },
    zoomBy(factor) {
      fitted = null;
      viewer.viewport.zoomBy(factor, undefined, reducedMotion.matches);
      viewer.viewport.applyConstraints();
    },
    showAll: () => show('all', reducedMotion.matches),
    redraw,
  };
}

/** OpenSeadragon would add a style, which this page's content policy refuses. It adds none if the document has one by this name. */
function preventInjectedStyle(): void {
  const style = document.createElementNS(null, 'style'); // outside the HTML namespace, so that the policy ignores it
  style.setAttribute('data-openseadragon-mobile-css', 'true');
  document.head.append(style);
}

/** The box and its surroundings, in the shape of the view. */
function surroundingsOf([left, top, width, height]: Box, view: View): Box {
  const perPx = Math.max(
    Math.max(width, AROUND_PX * BOX_SHARE) / (view.width * BOX_SHARE),
    Math.max(height, AROUND_PX * BOX_SHARE) / (view.height * BOX_SHARE),
    1 / ZOOM_PIXEL_RATIO_MAX,
  );
  const [across, down] = [view.width * perPx, view.height * perPx];
  return [left + width / 2 - across / 2, top + height / 2 - down / 2, across, down];
}
