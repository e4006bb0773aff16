import { describe, expect, test } from 'vitest';
import { readConfig } from '../../../pipeline/config.ts';
import { UserError } from '../../../pipeline/contract/errors.ts';
import { checkImageUrl } from '../../../pipeline/sources/https/image-hosts.ts';

const HOSTS = ['example.org', '*.images.example', 'odd.example:8443', '*.odd.example:8443', 'Bücher.example', '93.184.215.14'];

function refusal(url: string, hosts: readonly string[] = HOSTS): string {
  try {
    return `Expected a refusal, got ${checkImageUrl(url, hosts).href}`;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

describe('an address', () => {
  test.each([
    ['https://example.org/plan.jpg', 'https://example.org/plan.jpg'],
    ['https://example.org', 'https://example.org/'],
    ['HTTPS://EXAMPLE.Org:443/Plan.JPG?Size=1#part', 'https://example.org/Plan.JPG?Size=1'],
    ['https://example.org./plan.jpg', 'https://example.org/plan.jpg'],
    ['https://ex%61mple.org/plan.jpg', 'https://example.org/plan.jpg'],
    ['https://a.images.example/plan.jpg', 'https://a.images.example/plan.jpg'],
    ['https://a.b.images.example./plan.jpg', 'https://a.b.images.example/plan.jpg'],
    ['https://odd.example:8443/plan.jpg', 'https://odd.example:8443/plan.jpg'],
    ['https://a.odd.example:8443/plan.jpg', 'https://a.odd.example:8443/plan.jpg'],
    ['https://bücher.example/plan.jpg', 'https://xn--bcher-kva.example/plan.jpg'],
    ['https://93.184.215.14/plan.jpg', 'https://93.184.215.14/plan.jpg'],
  ])('on a listed host may be requested: %s', (url, requested) => {
    expect(checkImageUrl(url, HOSTS).href).toBe(requested);
  });

  test.each([
    'https://other.example/plan.jpg',
    'https://example.org.other.example/plan.jpg',
    'https://notexample.org/plan.jpg',
    'https://www.example.org/plan.jpg',
    'https://example.org../plan.jpg',
    'https://images.example/plan.jpg',
    'https://.images.example/plan.jpg',
    'https://notimages.example/plan.jpg',
    'https://a.images.example:8443/plan.jpg',
    'https://example.org:8443/plan.jpg',
    'https://example.org:80/plan.jpg',
    'https://odd.example/plan.jpg',
    'https://odd.example:443/plan.jpg',
    'https://odd.example:8444/plan.jpg',
    'https://93.184.215.15/plan.jpg',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/plan.jpg',
    'https://[::ffff:93.184.215.14]/plan.jpg',
    'https://localhost/plan.jpg',
    'https://other.example\\@example.org/plan.jpg',
    'https://other.example#@example.org/plan.jpg',
    'https://other.example?@example.org/plan.jpg',
    'https://./plan.jpg',
  ])('elsewhere is refused: %s', (url) => {
    expect(refusal(url)).toBe(
      `This server accepts images on ${HOSTS.join(' or ')}, not on ${new URL(url).host.replace(/\.(?=$|:)/, '') || '.'}. Upload the image instead.`,
    );
  });

  test.each([
    'http://example.org/',
    'ftp://example.org/',
    'file:///etc/passwd',
    'data:image/png,x',
    'https:',
    'https://',
    'plan.jpg',
    '',
  ])('that is not https is refused: %s', (url) => {
    expect(refusal(url)).toBe(`${url} is not a valid https:// address. Correct it, or upload the image.`);
  });

  test.each(['https://user@example.org/', 'https://user:word@example.org/', 'https://:word@example.org/'])(
    'with a user is refused, and the word is not repeated: %s',
    (url) => {
      expect(refusal(url)).toBe('The https:// address must not contain a user name or password. Remove it, or upload the image.');
    },
  );

  test('is refused anywhere when no host is listed', () => {
    expect(refusal('https://example.org/plan.jpg', [])).toBe(
      'This server accepts no images on web hosts such as example.org. Upload the image instead.',
    );
  });

  test('is refused in one sentence of bounded length, however long it and the list are', () => {
    const hosts = Array.from({ length: 500 }, (_, index) => `host-${index}.example`);
    const sentence = refusal(`https://${'a.'.repeat(120)}example/`, hosts);
    expect(sentence).toContain('host-9.example or 490 more hosts, not on a.a.');
    expect(sentence.length).toBeLessThan(400);
    expect(refusal(`http://${'a'.repeat(2_000)}`).length).toBeLessThan(200);
  });
});

describe('ALLOWED_IMAGE_HOSTS', () => {
  test('lists hosts with commas between, and none when unset', () => {
    expect(
      readConfig({ ALLOWED_IMAGE_HOSTS: ' example.org, *.images.example:8443 ,[2606:4700::1]' }).ALLOWED_IMAGE_HOSTS,
    ).toEqual(['example.org', '*.images.example:8443', '[2606:4700::1]']);
    expect(readConfig({}).ALLOWED_IMAGE_HOSTS).toEqual([]);
    expect(readConfig({ ALLOWED_IMAGE_HOSTS: '' }).ALLOWED_IMAGE_HOSTS).toEqual([]);
  });

  test.each([
    ...['*', '*.org', '*:8443', 'a.*.org', '*a.example.org', '**.example.org', '*.*.example.org', '*.3.4'],
    ...[
      'https://example.org',
      'example.org/images',
      'user@example.org',
      'example.org?x',
      'example.org#x',
      'example.org.',
      'a b.org',
    ],
  ])('does not take what is no host, or everybody: %s', (host) => {
    expect(() => readConfig({ ALLOWED_IMAGE_HOSTS: `example.org,${host}` })).toThrow(
      /^The environment variable ALLOWED_IMAGE_HOSTS\S* is invalid: expected host names such as/,
    );
  });
});
