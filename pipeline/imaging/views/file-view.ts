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
  const notes = new Set(header.notes);
  const cut = cutFromFile(file, header, scratchFolder, (note) => notes.add(note));
  const view = await renderView(cut, { ...wanted, boxes, findings: [] });
  return { header: { ...header, notes: [...notes] }, ...view };
}

/** `note` gets how the samples were understood. */
function cutFromFile(file: ImageFile, { width, height }: ImageHeader, scratchFolder: string, note: (note: string) => void): Cut {
  return async (box, scale) => {
    const [left, top, boxWidth, boxHeight] = box;
    const isWhole = boxWidth === width && boxHeight === height;
    const shown = { width: Math.max(1, Math.round(boxWidth * scale)), height: Math.max(1, Math.round(boxHeight * scale)) };
    const cut = Promise.withResolvers<{ data: Buffer; info: OutputInfo }>();
    // Decoders of JPEG and of pyramidal TIFF files scale the whole image down as they read it.
    const size = isWhole ? { edgePx: Math.max(shown.width, shown.height) } : { level: 0 };
    const notes = await decodeImage(file, size, scratchFolder, async (image) => {
      const part = isWhole ? image : image.extract({ left, top, width: boxWidth, height: boxHeight });
      const fitted = isWhole ? part : part.resize(shown.width, shown.height, { fit: 'fill' });
      cut.resolve(await fitted.raw().toBuffer({ resolveWithObject: true }));
    });
    for (const one of notes) note(one);
    const { data, info } = await cut.promise;
    return { image: sharp(data, { raw: info }), width: info.width, height: info.height };
  };
}
