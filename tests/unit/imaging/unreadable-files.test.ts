// Files of other formats are named by their first bytes, and every sentence says what to do.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { beginsAsAccepted, FORMAT_BYTES, FORMATS, type FormatName } from '../../../pipeline/imaging/formats.ts';
import { readHeader } from '../../../pipeline/imaging/image-reader.ts';
import { imageIn } from '../../support/drawn.ts';
import { temporaryFolder } from '../../support/folder.ts';

const ftyp = (brand: string) => Buffer.from(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1${brand}`, 'latin1');
const bytes = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(200)]);
const text = (start: string) => Buffer.from(start.padEnd(200), 'latin1');

const OTHERS: [name: string, start: Buffer, advice: string][] = [
  ['a HEIC image', ftyp('heic'), 'magick in.heic out.jpg (an iPhone saves JPEG with the camera setting "Most Compatible").'],
  ['a HEIC image', ftyp('mif1heic'), 'magick in.heic out.jpg (an iPhone saves JPEG with the camera setting "Most Compatible").'],
  ['a video', ftyp('isom'), 'Send one of its frames as a JPEG or PNG.'],
  ['a CR3 raw file', ftyp('crx '), 'Develop it to a JPEG or TIFF, for example with darktable.'],
  ['a BMP image', bytes('424d36000000'), 'magick in.bmp out.png.'],
  ['a JPEG 2000 image', bytes('0000000c6a5020200d0a870a'), 'gdal_translate -co COMPRESS=DEFLATE -co TILED=YES in.jp2 out.tif.'],
  ['a JPEG 2000 image', bytes('ff4fff51'), 'gdal_translate -co COMPRESS=DEFLATE -co TILED=YES in.jp2 out.tif.'],
  ['a JPEG XL image', bytes('ff0a'), 'djxl in.jxl out.png.'],
  ['a JPEG XL image', bytes('0000000c4a584c200d0a870a'), 'djxl in.jxl out.png.'],
  ['a PDF document', text('%PDF-1.7'), 'pdftoppm -png -r 300 -f 1 -l 1 in.pdf out.'],
  ['a PostScript file', text('%!PS-Adobe-3.0'), 'gs -sDEVICE=png16m -r300 -o out.png in.ps.'],
  [
    'an SVG drawing',
    text('<?xml version="1.0"?>\n<!-- drawn -->\n<svg width="1">'),
    'rsvg-convert --width 4000 in.svg -o out.png.',
  ],
  ['a Photoshop file', text('8BPS'), "magick 'in.psd[0]' out.png."],
  ['an OpenEXR image', bytes('762f3101'), 'magick in.exr out.png.'],
  ['a Radiance HDR image', text('#?RADIANCE\n'), 'magick in.hdr out.png.'],
  ['a DICOM file', Buffer.concat([Buffer.alloc(128), text('DICM')]), 'dcm2img in.dcm out.png.'],
  ['a FITS file', text('SIMPLE  =                    T'), 'gdal_translate in.fits out.tif.'],
  ['an HDF5 or NetCDF file', bytes('894844460d0a1a0a'), 'gdal_translate NETCDF:"in.nc":variable out.tif.'],
  ['a Windows icon', bytes('00000100'), 'magick in.ico out.png.'],
  ['a DirectDraw surface', text('DDS '), 'magick in.dds out.png.'],
  ['a QOI image', text('qoif'), 'magick in.qoi out.png.'],
  ['a Netpbm image', text('P6 1 1 255\n'), 'magick in.ppm out.png.'],
  ['a DjVu document', text('AT&TFORM'), 'ddjvu -format=tiff -page=1 in.djvu out.tif.'],
  ['a GIMP file', text('gimp xcf v011'), 'Export it as PNG.'],
  ['an archive', bytes('504b0304'), 'Unpack it and send the image inside.'],
  ['a web page', text('<!DOCTYPE html>'), 'Send the image itself; a link to it may need a login.'],
];

test.each(OTHERS)('%s is named by its first bytes, whatever its name is', async (name, start, advice) => {
  const path = join(await temporaryFolder(), 'image.jpg');
  await writeFile(path, start);
  const refusal = readHeader(imageIn(path));
  await expect(refusal).rejects.toThrow(
    `The file is ${name}, which is not an accepted format (jpeg, png, webp, tiff, gif, avif). `,
  );
  await expect(refusal).rejects.toThrow(advice);
});

test.each(OTHERS)('%s does not begin like an accepted format', (_, start) => {
  expect(beginsAsAccepted(start.toString('latin1'))).toBe(false);
});

test('files of every accepted format begin like one, and text does not', async () => {
  const gray = sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } });
  const files = [
    ...(await Promise.all(
      Object.keys(FORMATS).map((name) =>
        gray
          .clone()
          .toFormat(name as FormatName)
          .toBuffer(),
      ),
    )),
    await gray.clone().tiff({ bigtiff: true }).toBuffer(),
    ftyp('avis'),
    ftyp('mif1'), // the brands of some AVIF files
  ];
  const starts = files.map((file) => file.toString('latin1', 0, FORMAT_BYTES));
  expect(starts.map(beginsAsAccepted)).toEqual(files.map(() => true));
  expect(['', 'only words', 'RIFF1234AVI ', '\xff'].map(beginsAsAccepted)).toEqual([false, false, false, false]);
});
