// A canvas over the image of an OpenSeadragon viewer, redrawn whenever the image moves.
import type OpenSeadragon from 'openseadragon';
import type { Layer, View } from './layer.ts';

/** Returns a function that redraws at the next frame. */
export function overlayCanvas(viewer: OpenSeadragon.Viewer, layer: Layer, currentView: () => View): () => void {
  const canvas = document.createElement('canvas');
  canvas.className = 'over';
  canvas.setAttribute('aria-hidden', 'true');
  viewer.canvas.append(canvas);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot draw on a canvas.');
  const draw = () => {
    if (!viewer.isOpen()) return;
    const view = currentView();
    const [width, height] = [Math.round(view.width * devicePixelRatio), Math.round(view.height * devicePixelRatio)];
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    layer.draw(context, view, canvas);
  };
  let scheduled = false;
  const redraw = () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  };
  viewer.addHandler('update-viewport', draw);
  viewer.addHandler('resize', redraw);
  viewer.addHandler('open', redraw);
  return redraw;
}
