// What is drawn over the image, and the part of the image that is visible.

/** The visible part: pixel (x, y) of the full image is at ((x - left) * scale, (y - top) * scale) on the canvas. */
export interface View {
  left: number;
  top: number;
  /** CSS pixels per pixel of the full image. */
  scale: number;
  /** Size of the canvas in CSS pixels. */
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Layer {
  /** Draws on a cleared canvas over the image, in CSS pixels. */
  draw(context: CanvasRenderingContext2D, view: View, canvas: HTMLCanvasElement): void;
  /** A point is in CSS pixels of the canvas. */
  press(point: Point): void;
  /** Returns whether there is something to press. `null` if the pointer left the image. */
  hover(point: Point | null): boolean;
}
