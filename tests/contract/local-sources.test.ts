// Images named by an upload id, by a file:// URL and by an https:// address, as the local deployment resolves them.
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Blobs, ImageSources } from '../../pipeline/ports.ts';
import { openSources, SOURCES } from '../../pipeline/sources/index.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';

const localImages = (blobs: Blobs, folders: readonly string[], hosts: readonly string[]) =>
  openSources(SOURCES.local, { ...readConfig({}), ALLOWED_FOLDERS: folders, ALLOWED_IMAGE_HOSTS: hosts }).imagesIn(blobs);

/** `allowed/plan.jpg` may be named; `allowed-too/plan.jpg` and `secret.jpg` beside it may not. */
async function place() {
  const root = await realpath(await temporaryFolder());
  const blobs = fsBlobs(join(root, 'blobs'));
  const allowed = join(root, 'allowed');
  for (const folder of ['allowed/below', 'allowed-too']) await mkdir(join(root, folder), { recursive: true });
  for (const file of ['allowed/plan.jpg', 'allowed/below/plan.jpg', 'allowed-too/plan.jpg', 'secret.jpg'])
    await writeFile(join(root, file), 'pixels');
  const uri = (path: string) => pathToFileURL(root).href + path;
  return { root, blobs, allowed, uri, images: localImages(blobs, [allowed], []) };
}

/** The sentence with which an image is refused. */
async function refusal(images: ImageSources, image: string): Promise<string> {
  const error = await images.resolve(image).catch((thrown: unknown) => thrown);
  if (!(error instanceof UserError)) throw new Error(`Expected a UserError for ${image}, got ${JSON.stringify(error)}`);
  return error.message;
}

describe('file://', () => {
  test.each(['/allowed/plan.jpg', '/allowed/below/plan.jpg', '/allowed/below/../plan.jpg', '/%61llowed/pl%61n.jpg'])(
    'names an image inside an allowed folder: %s',
    async (path) => {
      const { images, uri, allowed } = await place();
      const { source, version } = await images.resolve(uri(path));
      expect(source).toEqual({ kind: 'file', path: join(allowed, path.includes('below/plan') ? 'below/plan.jpg' : 'plan.jpg') });
      expect(version).toMatch(/-6$/);
    },
  );

  test('and the absolute path of the same file are one image, so that they are one execution', async () => {
    const { images, uri, allowed, root } = await place();
    await writeFile(join(allowed, 'site plan #2.jpg'), 'pixels');
    expect(await images.resolve(join(allowed, 'plan.jpg'))).toEqual(await images.resolve(uri('/allowed/plan.jpg')));
    const escaped = await images.resolve(uri('/allowed/site%20plan%20%232.jpg'));
    expect(await images.resolve(join(allowed, 'site plan #2.jpg'))).toEqual(escaped);
    for (const path of ['secret.jpg', 'allowed-too/plan.jpg', 'allowed/none.jpg'])
      expect(await refusal(images, join(root, path))).toMatch(/does not exist or may not be read\. .* absolute path inside /);
  });

  test('accepts its scheme in upper and lower case', async () => {
    const { images, uri } = await place();
    expect((await images.resolve(uri('/allowed/plan.jpg').replace('file:', 'FILE:'))).source.kind).toBe('file');
  });

  test.each([
    ['beside an allowed folder', '/secret.jpg'],
    ['in a folder with the same prefix', '/allowed-too/plan.jpg'],
    ['out by ..', '/allowed/../secret.jpg'],
    ['out by an encoded ..', '/allowed/%2e%2e/secret.jpg'],
    ['out by an encoded slash', '/allowed%2F..%2Fsecret.jpg'],
    ['out by a backslash', '/allowed/..\\secret.jpg'],
    ['with a null byte', '/allowed/plan.jpg%00'],
    ['with a broken escape', '/allowed/plan%zz.jpg'],
    ['a folder', '/allowed/below'],
    ['the allowed folder itself', '/allowed'],
    ['a file as if it were a folder', '/allowed/plan.jpg/x.jpg'],
    ['missing', '/allowed/other.jpg'],
  ])('is refused %s', async (_, path) => {
    const { images, uri, allowed } = await place();
    const sentence = await refusal(images, uri(path));
    expect(sentence).toBe(
      `The image ${uri(path)} does not exist or may not be read. This server accepts an upload_id or a file:// URL or absolute path inside ${allowed}. ` +
        'Check the name, or upload the image.',
    );
  });

  test('is refused with the same sentence for an outside file and a missing one', async () => {
    const { images, uri } = await place();
    const words = async (path: string) => (await refusal(images, uri(path))).replace(uri(path), 'URI');
    expect(await words('/secret.jpg')).toBe(await words('/no-secret.jpg'));
  });

  test.each([
    'file://evil.example/allowed/plan.jpg',
    'file:',
    'file://',
    'file:///',
    'file:///dev/zero',
    'file:///proc/self/environ',
  ])('%s is refused', async (image) => {
    const { images } = await place();
    expect(await refusal(images, image)).toMatch(
      /^The image file:.* This server accepts an upload_id or a file:\/\/ URL or absolute path inside/,
    );
  });

  test('follows a symbolic link that stays inside, but none that leads outside', async () => {
    const { root, images, uri, allowed } = await place();
    await symlink(join(allowed, 'plan.jpg'), join(allowed, 'inside.jpg'));
    await symlink(join(root, 'secret.jpg'), join(allowed, 'outside.jpg'));
    await symlink(root, join(allowed, 'up'));
    expect((await images.resolve(uri('/allowed/inside.jpg'))).source).toEqual({
      kind: 'file',
      path: join(allowed, 'plan.jpg'),
    });
    for (const path of ['/allowed/outside.jpg', '/allowed/up/secret.jpg'])
      expect(await refusal(images, uri(path))).toContain('does not exist or may not be read');
    expect((await images.resolve(uri('/allowed/up/allowed/plan.jpg'))).source.kind).toBe('file');
  });

  test('finds an image in an allowed folder that is a symbolic link, or was created later', async () => {
    const { root, blobs, allowed } = await place();
    await symlink(allowed, join(root, 'alias'));
    const images = localImages(blobs, [join(root, 'later'), join(root, 'alias')], []);
    expect((await images.resolve(pathToFileURL(join(root, 'alias/plan.jpg')).href)).source.kind).toBe('file');
    await mkdir(join(root, 'later'));
    await writeFile(join(root, 'later/new.jpg'), 'pixels');
    expect((await images.resolve(pathToFileURL(join(root, 'later/new.jpg')).href)).source.kind).toBe('file');
  });

  test('is refused if no folder is allowed, and is not offered', async () => {
    const { blobs, uri } = await place();
    expect(await refusal(localImages(blobs, [], []), uri('/allowed/plan.jpg'))).toMatch(
      /^This server accepts an upload_id, not file:/,
    );
  });

  test('changes its version when the bytes change', async () => {
    const { images, uri, allowed } = await place();
    const before = await images.resolve(uri('/allowed/plan.jpg'));
    await writeFile(join(allowed, 'plan.jpg'), 'more pixels');
    expect((await images.resolve(uri('/allowed/plan.jpg'))).version).not.toBe(before.version);
  });
});

describe('https://', () => {
  const hosts = ['example.com', '*.example.net'];

  test('names an image on an allowed host by its address, which is also its version', async () => {
    const { blobs } = await place();
    const url = 'https://example.com/plan.jpg?size=2';
    expect(await localImages(blobs, [], hosts).resolve('HTTPS://Example.com./plan.jpg?size=2#top')).toEqual({
      source: { kind: 'url', url },
      uri: url,
      version: url,
    });
  });

  test('is refused on another host, and the sentence names the allowed ones', async () => {
    const { blobs, allowed } = await place();
    const images = localImages(blobs, [allowed], hosts);
    expect(await refusal(images, 'https://evil.example/plan.jpg')).toBe(
      'This server accepts images on example.com or *.example.net, not on evil.example. Upload the image instead.',
    );
    expect(await refusal(images, 'http://example.com/plan.jpg')).toBe(
      `This server accepts an upload_id or a file:// URL or absolute path inside ${allowed} or an https:// address on example.com or *.example.net, ` +
        'not http://example.com/plan.jpg. Upload the image instead.',
    );
  });
});

test.each([
  's3://bucket/plan.jpg',
  'https://example.com/plan.jpg',
  'http://127.0.0.1/plan.jpg',
  'data:image/png;base64,AAAA',
  'C:\\plan.jpg',
])('%s is refused, and the sentence names what is accepted', async (image) => {
  const { images, allowed } = await place();
  expect(await refusal(images, image)).toBe(
    `This server accepts an upload_id or a file:// URL or absolute path inside ${allowed}, not ${image}. Upload the image instead.`,
  );
});

describe('an upload id', () => {
  test('names the uploaded bytes, with a version that changes with them', async () => {
    const { images, blobs } = await place();
    await blobs.put(keys.upload('plan.jpg-0123'), Buffer.from('pixels'));
    const first = await images.resolve('plan.jpg-0123');
    expect(first).toMatchObject({ source: { kind: 'blob', key: 'uploads/plan.jpg-0123' }, uri: 'upload://plan.jpg-0123' });
    await blobs.put(keys.upload('plan.jpg-0123'), Buffer.from('other!'));
    expect((await images.resolve('plan.jpg-0123')).version).not.toBe(first.version);
  });

  test.each([
    'plan.jpg-9999',
    '../executions/e1/findings.json',
    'a/../../secret.jpg',
    '..',
    '.',
    '',
    '.hidden',
    'a..b',
    'PLAN.JPG-0123',
    'plan.jpg-0123\n',
    'plan.jpg-0123\0',
    ' plan.jpg-0123',
    'plan%2ejpg-0123',
    'x'.repeat(200),
    '__proto__',
  ])('%j is refused, and nothing outside the uploads is read', async (image) => {
    const { images, blobs } = await place();
    await blobs.put(keys.upload('plan.jpg-0123'), Buffer.from('pixels'));
    await blobs.put(keys.findings('e1'), Buffer.from('{}'));
    const sentence = await refusal(images, image);
    expect(sentence).toMatch(/^No image was uploaded under the upload_id .*Call create_upload/s);
    expect(sentence.length).toBeLessThan(320);
  });

  test('is also what an absolute path is taken for if no folder is allowed', async () => {
    const { blobs, root } = await place();
    const sentence = await refusal(localImages(blobs, [], []), join(root, 'allowed/plan.jpg'));
    expect(sentence).toMatch(/^No image was uploaded under the upload_id .*Call create_upload/s);
  });
});
