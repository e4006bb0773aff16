// Renders a view of an image file that was not cut into tiles: decodes what the view needs, and keeps nothing.
import sharp, { type OutputInfo } from 'sharp';
import type { ImageFile } from '../decoder-limits.ts';
import type { FileView, ImageHeader } from '../decoding/decoder-messages.ts';
import { decodeImage, readHeader } from '../image-reader.ts';
import { type Cut, type RenderedView, renderView, type WantedView } from './view.ts';
import { boxesInside } from './view-boxes.ts';

/** Throws what `decodeImage` throws, and a UserError for a box outside of the image. */
export async function viewFile(
  file: ImageFile,
  wanted: WantedView,
  scratchFolder: string,
): Promise<Omit<FileView, 'bytes'> & Pick<RenderedView, 'bytes'>> {
  const header = await readHeader(file);
  const boxes = boxesInside(wanted.boxes, header);
  const view = await renderView(cutFromFile(file, header, scratchFolder), { ...wanted, boxes, findings: [] });
  return { header, ...view };
}

function cutFromFile(file: ImageFile, { width, height }: ImageHeader, scratchFolder: string): Cut {
  return async (box, scale) => {
    const [left, top, boxWidth, boxHeight] = box;
    const isWhole = boxWidth === width && boxHeight === height;
    const shown = { width: Math.max(1, Math.round(boxWidth * scale)), height: Math.max(1, Math.round(boxHeight * scale)) };
    const cut = Promise.withResolvers<{ data: Buffer; info: OutputInfo }>();
    // Decoders of JPEG and of pyramidal TIFF files scale the whole image down as they read it.
    const size = isWhole ? { edgePx: Math.max(shown.width, shown.height) } : { level: 0 };
    await decodeImage(file, size, scratchFolder, async (image) => {
      const part = isWhole ? image : image.extract({ left, top, width: boxWidth, height: boxHeight });
      const fitted = isWhole ? part : part.resize(shown.width, shown.height, { fit: 'fill' });
      cut.resolve(await fitted.raw().toBuffer({ resolveWithObject: true }));
    });
    const { data, info } = await cut.promise;
    return sharp(data, { raw: info });
  };
}
