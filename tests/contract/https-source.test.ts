// Images at https:// addresses, downloaded from a simulated internet on loopback with public and internal addresses.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import type { ImageDownloads } from '../../pipeline/ports.ts';
import type { DownloadTimeouts } from '../../pipeline/sources/https/download-timeouts.ts';
import { https } from '../../pipeline/sources/https-source.ts';
import { temporaryFolder } from '../support/folder.ts';
import {
  CLOSED,
  PUBLIC_IPV4,
  PUBLIC_IPV6,
  type Serve,
  SILENT,
  type SmallInternet,
  smallInternet,
} from '../support/small-internet.ts';

const URL_OF_PLAN = 'https://images.example/plan.jpg';
const ALLOWED = ['images.example', '*.images.example'];
const NAMES = { 'images.example': [PUBLIC_IPV4], 'other.example': [PUBLIC_IPV4] };
const PLAN = randomBytes(3_000_000);
const BYTES_MAX = 4_000_000;

const sendPlan: Serve = (_, response) => void response.end(PLAN);
const raw =
  (text: string): Serve =>
  ({ socket }) =>
    void socket.end(text);
const redirectTo =
  (location: string): Serve =>
  (_, response) =>
    void response.writeHead(302, { location }).end();

function images({ internet }: SmallInternet, { allowedHosts = ALLOWED, timeouts = {} as Partial<DownloadTimeouts> } = {}) {
  const enough = { connectMs: 10_000, idleMs: 30_000, totalMs: 50_000 };
  return https.open({ ALLOWED_IMAGE_HOSTS: allowedHosts, internet, timeouts: { ...enough, ...timeouts } });
}

async function downloaded(from: ImageDownloads, url: string): Promise<Buffer> {
  const path = join(await temporaryFolder(), 'image');
  await from.download(url, path, BYTES_MAX);
  return await readFile(path);
}

type Kind = 'UserError' | 'TransientError' | 'throttled';

/** Checks that a download fails with one sentence, leaves no file, and connects to no internal address. */
async function refusal(
  place: SmallInternet,
  url = URL_OF_PLAN,
  from: ImageDownloads = images(place),
): Promise<[kind: Kind, sentence: string]> {
  const folder = await temporaryFolder();
  const error = await from.download(url, join(folder, 'image'), BYTES_MAX).then(
    () => new Error('Expected a refusal, got the image.'),
    (thrown: unknown) => thrown,
  );
  expect(place.inside.connections).toBe(0);
  expect(await readdir(folder)).toEqual([]);
  if (!(error instanceof UserError || error instanceof TransientError)) throw error;
  expect(error.message).toMatch(/^[A-Z][^\n]+\. [A-Z][^\n.]+\.$/);
  expect(error.message.length).toBeLessThan(300);
  if (error instanceof UserError) return ['UserError', error.message];
  return [error.throttled ? 'throttled' : 'TransientError', error.message];
}

describe('an image on an allowed host', () => {
  test('arrives byte for byte, announced or in chunks', async () => {
    const chunks: Serve = (_, response) => {
      for (let start = 0; start < PLAN.length; start += 70_001) response.write(PLAN.subarray(start, start + 70_001));
      response.end();
    };
    for (const serve of [sendPlan, chunks]) {
      const place = await smallInternet(NAMES, serve);
      expect((await downloaded(images(place), URL_OF_PLAN)).equals(PLAN)).toBe(true);
      await expect.poll(place.open).toBe(0);
    }
  });

  test('is requested by host name at the address that was checked', async () => {
    const place = await smallInternet(NAMES, sendPlan);
    await downloaded(images(place), 'HTTPS://Images.Example./a%20b?size=large&n=1#top');
    expect(place.asked).toEqual(['images.example']);
    expect(place.dialled).toEqual([`${PUBLIC_IPV4} 443`]);
    expect(place.requests).toMatchObject([
      { host: 'images.example', url: '/a%20b?size=large&n=1', servername: 'images.example' },
    ]);
    expect(place.requests[0]?.headers).toMatchObject({ 'user-agent': 'tilesight', 'accept-encoding': 'identity' });
  });

  test('may have as many bytes as the limit', async () => {
    const place = await smallInternet(NAMES, (_, response) => void response.end(Buffer.alloc(BYTES_MAX)));
    expect(await downloaded(images(place), URL_OF_PLAN)).toHaveLength(BYTES_MAX);
  });

  test.each(['1.1.1.1', '[2606:4700::1111]'])('may be at an allowed public IP address: %s', async (number) => {
    const place = await smallInternet({}, sendPlan);
    expect((await downloaded(images(place, { allowedHosts: [number] }), `https://${number}/plan.jpg`)).equals(PLAN)).toBe(true);
    expect(place.asked).toEqual([]);
    expect(place.dialled).toEqual([`${number.replace(/[[\]]/g, '')} 443`]);
  });

  test('may be at an allowed port, and at no other', async () => {
    const place = await smallInternet(NAMES, sendPlan);
    const from = images(place, { allowedHosts: ['images.example:8443'] });
    await downloaded(from, 'https://images.example:8443/plan.jpg');
    expect(place.dialled).toEqual([`${PUBLIC_IPV4} 8443`]);
    expect(place.requests[0]?.host).toBe('images.example:8443');
    expect((await refusal(place, URL_OF_PLAN, from))[0]).toBe('UserError');
  });

  test('is downloaded from the next address if one accepts no connection', async () => {
    const names = { 'images.example': [CLOSED, SILENT, PUBLIC_IPV6, PUBLIC_IPV4] };
    const place = await smallInternet(names, sendPlan);
    const from = images(place, { timeouts: { connectMs: 300 } });
    expect((await downloaded(from, URL_OF_PLAN)).equals(PLAN)).toBe(true);
    expect(place.dialled).toEqual([`${CLOSED} 443`, `${SILENT} 443`, `${PUBLIC_IPV6} 443`]);
  });

  test('is downloaded through redirects between allowed hosts, also relative ones', async () => {
    const names = { ...NAMES, 'cdn.images.example': [PUBLIC_IPV6] };
    const hops: Record<string, string> = {
      '/plan.jpg': '/2/plan.jpg',
      '/2/plan.jpg': 'sharp.jpg?x=1',
      '/2/sharp.jpg?x=1': '//cdn.images.example/3',
      '/3': 'https://images.example/4',
      '/4': './5',
    };
    const place = await smallInternet(names, (request, response) => {
      const location = hops[request.url ?? ''];
      if (location) response.writeHead(307, { location }).end('moved');
      else response.end(PLAN);
    });
    expect((await downloaded(images(place), URL_OF_PLAN)).equals(PLAN)).toBe(true);
    expect(place.requests.map(({ host, url }) => `${host}${url}`)).toEqual([
      'images.example/plan.jpg',
      'images.example/2/plan.jpg',
      'images.example/2/sharp.jpg?x=1',
      'cdn.images.example/3',
      'images.example/4',
      'images.example/5',
    ]);
    await expect.poll(place.open).toBe(0);
  });
});

describe('an internal address', () => {
  const INSIDE = [
    ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '100.100.100.200'],
    ...['169.254.169.254', '169.254.170.2', '168.63.129.16', '192.0.0.192', '198.18.0.1', '224.0.0.1', '240.0.0.1'],
    ...['255.255.255.255', '192.0.2.1'],
    ...['::1', '::', 'fe80::1', 'fd00:ec2::254', 'fd20:ce::254', 'fec0::1', 'ff02::1', '2001:db8::1', '4000::1'],
    ...['::ffff:169.254.169.254', '::ffff:8.8.8.8', '::127.0.0.1', '::8.8.8.8', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe'],
    ...['2002:a9fe:a9fe::1', '2002:7f00:1::', '2001:0:7f00:1::1', '::ffff:0:127.0.0.1'],
  ];
  const leadsInside = (host: string) =>
    `The host ${host} leads inside a network; only hosts on the public internet are accepted. Upload the image instead.`;

  test('would be reachable in these tests if it were not refused', async () => {
    const place = await smallInternet(NAMES, sendPlan);
    await once(place.internet.connect('169.254.169.254', 443), 'close');
    expect(place.inside.connections).toBe(1);
  });

  test.each([...INSIDE, 'fe80::1%eth0', '2606:4700::1%eth0', '127.1', '0177.0.0.1', 'localhost', ''])(
    'is refused as the resolved address of an allowed host: %s',
    async (address) => {
      const place = await smallInternet({ 'images.example': [address] }, sendPlan);
      expect(await refusal(place)).toEqual(['UserError', leadsInside('images.example')]);
      expect(place.dialled).toEqual([]);
    },
  );

  test.each(INSIDE.map((address) => (address.includes(':') ? `[${address}]` : address)))(
    'is refused as an IP address in the URL, even if it is allowed: %s',
    async (host) => {
      const place = await smallInternet({}, sendPlan);
      const from = images(place, { allowedHosts: [host] });
      expect(await refusal(place, `https://${host}/plan.jpg`, from)).toEqual([
        'UserError',
        leadsInside(new URL(`https://${host}`).host),
      ]);
      expect(place.dialled).toEqual([]);
    },
  );

  test.each(['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '%31%32%37.0.0.1', '①②⑦.⓪.⓪.①'])(
    'is recognized in every notation: %s',
    async (host) => {
      const place = await smallInternet({}, sendPlan);
      const from = images(place, { allowedHosts: ['127.0.0.1'] });
      expect(await refusal(place, `https://${host}/plan.jpg`, from)).toEqual(['UserError', leadsInside('127.0.0.1')]);
      expect(place.dialled).toEqual([]);
    },
  );

  test('is refused on this machine with the real resolver', async () => {
    const place = await smallInternet({}, sendPlan);
    const { port } = place.inside;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `[::ffff:127.0.0.1]:${port}`]) {
      const from = https.open({ ALLOWED_IMAGE_HOSTS: [host] });
      expect(await refusal(place, `https://${host}/plan.jpg`, from)).toEqual([
        'UserError',
        leadsInside(new URL(`https://${host}`).host),
      ]);
    }
  });

  test('is refused if it is one of several addresses', async () => {
    for (const addresses of [
      [PUBLIC_IPV4, '10.0.0.1'],
      ['10.0.0.1', PUBLIC_IPV4],
      [...Array(20).fill(PUBLIC_IPV4), '::1'],
    ]) {
      const place = await smallInternet({ 'images.example': addresses }, sendPlan);
      expect(await refusal(place)).toEqual(['UserError', leadsInside('images.example')]);
      expect(place.dialled).toEqual([]);
    }
  });

  test('is not reached by a name that changes from public to internal between check and connection', async () => {
    const answers = [[PUBLIC_IPV4], ['169.254.169.254']];
    const place = await smallInternet({ 'images.example': () => answers.shift() ?? ['127.0.0.1'] }, sendPlan);
    expect((await downloaded(images(place), URL_OF_PLAN)).equals(PLAN)).toBe(true);
    expect(place.asked).toEqual(['images.example']);
    expect(place.dialled).toEqual([`${PUBLIC_IPV4} 443`]);
    expect(await refusal(place)).toEqual(['UserError', leadsInside('images.example')]);
    expect(place.dialled).toHaveLength(1);
  });

  test('is not reached by a redirect to the same name, which has become internal', async () => {
    const answers = [[PUBLIC_IPV4], ['169.254.169.254']];
    const place = await smallInternet({ 'images.example': () => answers.shift() ?? [] }, redirectTo('/again'));
    expect(await refusal(place)).toEqual(['UserError', leadsInside('images.example')]);
    expect(place.dialled).toEqual([`${PUBLIC_IPV4} 443`]);
  });

  test('is not reached by a redirect to an allowed IP address', async () => {
    const place = await smallInternet(NAMES, redirectTo('https://169.254.169.254/latest/meta-data/'));
    const from = images(place, { allowedHosts: [...ALLOWED, '169.254.169.254'] });
    expect(await refusal(place, URL_OF_PLAN, from)).toEqual(['UserError', leadsInside('169.254.169.254')]);
    expect(place.dialled).toEqual([`${PUBLIC_IPV4} 443`]);
  });
});

describe('a redirect', () => {
  test.each([
    ['to http://', 'http://images.example/plan.jpg', 'http://images.example'],
    ['to the metadata service', 'http://169.254.169.254/latest/meta-data/', 'http://169.254.169.254'],
    ['to the metadata service over https', 'https://169.254.169.254/', 'https://169.254.169.254'],
    ['to the metadata service in another notation', 'https://[::ffff:a9fe:a9fe]/', 'https://[::ffff:a9fe:a9fe]'],
    ['to a host that is not allowed', 'https://other.example/plan.jpg', 'https://other.example'],
    ['to a host that is not allowed, without a scheme', '//other.example/plan.jpg', 'https://other.example'],
    ['to another port', 'https://images.example:8443/plan.jpg', 'https://images.example:8443'],
    ['with a user name', 'https://user@images.example/plan.jpg', 'https://images.example'],
    ['to a file', 'file:///etc/passwd', 'no address'],
    ['to data', 'data:image/png;base64,AAAA', 'no address'],
    ['that is not a valid URL', 'https://[', 'no address'],
  ])('%s is not followed', async (_, location, shown) => {
    const place = await smallInternet(NAMES, redirectTo(location));
    expect(await refusal(place)).toEqual([
      'UserError',
      `The host images.example redirects to ${shown}, which this server does not accept. Upload the image instead.`,
    ]);
    expect(place.requests).toHaveLength(1);
    await expect.poll(place.open).toBe(0);
  });

  test('without a location is refused', async () => {
    const place = await smallInternet(NAMES, (_, response) => void response.writeHead(301).end());
    expect(await refusal(place)).toEqual(['UserError', expect.stringContaining('redirects to no address')]);
  });

  test('reports only the host of its target, and shortens a long one', async () => {
    const host = `${'ignore-what-was-said.'.repeat(8)}example`;
    const place = await smallInternet(NAMES, redirectTo(`https://${host}/and-do-this`));
    const [, sentence] = await refusal(place);
    expect(sentence).not.toContain('and-do-this');
    expect(sentence).not.toContain(host);
  });

  test('is followed five times, but not a sixth time', async () => {
    const place = await smallInternet(NAMES, redirectTo('/plan.jpg'));
    expect(await refusal(place)).toEqual([
      'UserError',
      'The address on images.example redirects more than 5 times. Name the image’s final address.',
    ]);
    expect(place.requests).toHaveLength(6);
    await expect.poll(place.open).toBe(0);
  });

  test('with an endless body is followed without reading it', async () => {
    const place = await smallInternet(NAMES, (request, response) => {
      if (request.url === '/2') return void response.end(PLAN);
      response.writeHead(302, { location: '/2' });
      pour(request, () => response.write(Buffer.alloc(65_536)));
    });
    expect((await downloaded(images(place), URL_OF_PLAN)).equals(PLAN)).toBe(true);
    await expect.poll(place.open).toBe(0);
  });
});

/** Sends until the connection closes, and returns the number of writes. */
function pour({ socket }: IncomingMessage, send: () => boolean): { sent: number } {
  const poured = { sent: 0 };
  const more = () => {
    while (!socket.destroyed) {
      poured.sent++;
      if (!send()) return void socket.once('drain', more);
    }
  };
  more();
  return poured;
}

describe('a body', () => {
  const tooLarge = 'The image on images.example must not be larger than 4,000,000 bytes. Name a smaller one.';
  const brokeOff = 'The connection to images.example broke off before the whole image arrived. Try again.';

  test('that never ends is refused and not read further', async () => {
    let poured = { sent: 0 };
    const place = await smallInternet(NAMES, (request, response) => {
      poured = pour(request, () => response.write(Buffer.alloc(65_536)));
    });
    expect(await refusal(place)).toEqual(['UserError', tooLarge]);
    await expect.poll(place.open).toBe(0);
    expect(poured.sent * 65_536).toBeLessThan(10 * BYTES_MAX); // bytes read plus bytes in flight
  });

  test('with a content-length above the limit is refused before it is read', async () => {
    const place = await smallInternet(NAMES, (_, response) => {
      response.writeHead(200, { 'content-length': BYTES_MAX + 1 }).flushHeaders(); // and sends no body
    });
    expect(await refusal(place)).toEqual(['UserError', tooLarge]);
    await expect.poll(place.open).toBe(0);
  });

  test('that is longer than its content-length is refused', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n';
    for (const more of ['', 'Connection: close\r\n']) {
      const place = await smallInternet(NAMES, raw(`${head}${more}\r\n${'x'.repeat(100)}`));
      expect(await refusal(place)).toEqual([
        'UserError',
        'The host images.example sent more bytes than it announced. Upload the image instead.',
      ]);
    }
  });

  test('that is complete is not read further, whatever is sent later', async () => {
    const place = await smallInternet(NAMES, async (request) => {
      request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole');
      await sleep(50);
      pour(request, () => request.socket.write(Buffer.alloc(65_536)));
    });
    expect(String(await downloaded(images(place), URL_OF_PLAN))).toBe('whole');
    await expect.poll(place.open).toBe(0);
  });

  test.each([
    ['that is shorter than its content-length', 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nxxxxx'],
    ['whose chunks end early', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nxxxxx'],
  ])('%s is a temporary failure', async (_, text) => {
    const place = await smallInternet(NAMES, raw(text));
    expect(await refusal(place)).toEqual(['TransientError', brokeOff]);
  });

  test('that ends with a broken connection is a temporary failure', async () => {
    const place = await smallInternet(NAMES, ({ socket }, response) => {
      response.writeHead(200, { 'content-length': PLAN.length });
      response.write(PLAN.subarray(0, 500_000), () => void socket.destroy());
    });
    expect(await refusal(place)).toEqual(['TransientError', brokeOff]);
  });

  test('without bytes is refused', async () => {
    const place = await smallInternet(NAMES, (_, response) => void response.end());
    expect(await refusal(place)).toEqual(['UserError', 'The host images.example answered without any bytes. Check the address.']);
  });

  test.each(['gzip', 'br', 'identity, gzip', 'aws-chunked'])('that is compressed is refused: %s', async (encoding) => {
    const place = await smallInternet(NAMES, (_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(gzipSync(Buffer.alloc(1_000_000)));
    });
    expect(await refusal(place)).toEqual([
      'UserError',
      'The host images.example compresses the image, which is not accepted. Upload the image instead.',
    ]);
  });

  test('that stops sending is aborted after the idle timeout', async () => {
    const place = await smallInternet(NAMES, (_, response) => void response.write('x'));
    expect(await refusal(place, URL_OF_PLAN, images(place, { timeouts: { idleMs: 200 } }))).toEqual([
      'TransientError',
      'The host of the image sent nothing for 0.2 s. Try again later.',
    ]);
    await expect.poll(place.open).toBe(0);
  });

  test('may take longer in total than the idle timeout', async () => {
    const place = await smallInternet(NAMES, async (_, response) => {
      for (let piece = 0; piece < 10; piece++) {
        response.write('x');
        await sleep(250);
      }
      response.end();
    });
    const path = join(await temporaryFolder(), 'image');
    await images(place, { timeouts: { idleMs: 2_000 } }).download(URL_OF_PLAN, path, BYTES_MAX);
    expect(await readFile(path, 'utf8')).toBe('x'.repeat(10));
  });

  test('that arrives slowly is aborted after the total timeout', async () => {
    const place = await smallInternet(NAMES, async ({ socket }, response) => {
      while (!socket.destroyed) {
        response.write('x');
        await sleep(20);
      }
    });
    expect(await refusal(place, URL_OF_PLAN, images(place, { timeouts: { totalMs: 500 } }))).toEqual([
      'TransientError',
      'The image did not arrive completely within 0.5 s. Try again later.',
    ]);
    await expect.poll(place.open).toBe(0);
  });
});

describe('an answer', () => {
  const statuses: [number, Kind, string][] = [
    [404, 'UserError', 'Check the address.'],
    [403, 'UserError', 'Check the address.'],
    [204, 'UserError', 'Check the address.'],
    [206, 'UserError', 'Check the address.'],
    [304, 'UserError', 'Check the address.'],
    [408, 'TransientError', 'Try again later.'],
    [425, 'TransientError', 'Try again later.'],
    [429, 'throttled', 'Try again later.'],
    [500, 'TransientError', 'Try again later.'],
    [503, 'TransientError', 'Try again later.'],
  ];
  test.each(statuses)('of status %d is refused as a %s', async (status, kind, advice) => {
    const place = await smallInternet(NAMES, (_, response) => void response.writeHead(status).end('<h1>text of the host</h1>'));
    expect(await refusal(place)).toEqual([
      kind,
      `The host images.example answered with status ${status} instead of an image. ${advice}`,
    ]);
    await expect.poll(place.open).toBe(0);
  });

  const somethingElse = 'The host images.example did not answer in valid HTTP. Upload the image instead.';
  test.each([
    ['that is not HTTP', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    [
      'with a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ],
    ['with a length that is not a number', 'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc'],
    ['with an endless head', `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}`],
  ])('%s is refused', async (_, text) => {
    const place = await smallInternet(NAMES, raw(text));
    expect(await refusal(place)).toEqual(['UserError', somethingElse]);
  });

  test('that never begins is aborted', async () => {
    for (const serve of [() => {}, raw('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')]) {
      const place = await smallInternet(NAMES, serve);
      const [kind] = await refusal(place, URL_OF_PLAN, images(place, { timeouts: { idleMs: 200 } }));
      expect(kind).toBe('TransientError');
      await expect.poll(place.open).toBe(0);
    }
  });

  test('before which the connection breaks is a temporary failure', async () => {
    const place = await smallInternet(NAMES, ({ socket }) => void socket.destroy());
    expect(await refusal(place)).toEqual([
      'TransientError',
      'The connection to images.example broke off before an answer arrived. Try again.',
    ]);
  });
});

describe('a host', () => {
  test('that is not allowed is not resolved', async () => {
    const place = await smallInternet(NAMES, sendPlan);
    expect((await refusal(place, 'https://other.example/plan.jpg'))[1]).toBe(
      'This server accepts images on images.example or *.images.example, not on other.example. Upload the image instead.',
    );
    expect((await refusal(place, URL_OF_PLAN, images(place, { allowedHosts: [] })))[0]).toBe('UserError');
    expect(place.asked).toEqual([]);
  });

  test('without an address is reported as missing', async () => {
    for (const names of [{}, { 'images.example': [] }]) {
      const place = await smallInternet(names, sendPlan);
      expect(await refusal(place)).toEqual([
        'UserError',
        'The host images.example does not exist: it has no address. Check its name.',
      ]);
    }
  });

  test('whose name cannot be resolved at the moment is a temporary failure', async () => {
    const failing = () => {
      throw Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' });
    };
    const place = await smallInternet({ 'images.example': failing }, sendPlan);
    expect(await refusal(place)).toEqual(['TransientError', 'The address of images.example could not be looked up. Try again.']);
  });

  test('whose name resolution never answers is aborted', async () => {
    const place = await smallInternet(NAMES, sendPlan);
    const internet = { ...place.internet, resolve: () => new Promise<string[]>(() => {}) };
    const from = https.open({
      ALLOWED_IMAGE_HOSTS: ALLOWED,
      internet,
      timeouts: { connectMs: 100, idleMs: 200, totalMs: 50_000 },
    });
    expect((await refusal(place, URL_OF_PLAN, from))[0]).toBe('TransientError');
  });

  test('that accepts no connection is a temporary failure', async () => {
    const place = await smallInternet({ 'images.example': [CLOSED, SILENT] }, sendPlan);
    expect(await refusal(place, URL_OF_PLAN, images(place, { timeouts: { connectMs: 100 } }))).toEqual([
      'TransientError',
      'The host images.example accepts no connection. Try again later.',
    ]);
  });

  test('with more addresses than are tried is a temporary failure', async () => {
    const place = await smallInternet({ 'images.example': [...Array(8).fill(CLOSED), PUBLIC_IPV4] }, sendPlan);
    expect((await refusal(place))[0]).toBe('TransientError');
    expect(place.dialled).toHaveLength(8);
  });

  const unproven = (host: string) => `The certificate of ${host} does not prove its name. Upload the image instead.`;

  test('with a certificate for another name gets no request', async () => {
    const place = await smallInternet({ 'wrong.example': [PUBLIC_IPV4] }, sendPlan);
    const from = images(place, { allowedHosts: ['wrong.example'] });
    expect(await refusal(place, 'https://wrong.example/', from)).toEqual(['UserError', unproven('wrong.example')]);
    expect(place.requests).toEqual([]);
  });

  test('with an untrusted certificate is refused, even if the environment turns verification off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      const place = await smallInternet(NAMES, sendPlan);
      const { resolve, connect } = place.internet;
      const from = https.open({ ALLOWED_IMAGE_HOSTS: ALLOWED, internet: { resolve, connect } });
      expect(await refusal(place, URL_OF_PLAN, from)).toEqual(['UserError', unproven('images.example')]);
      expect(place.requests).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

test('a file that cannot be written is a failure of this server, not of the host', async () => {
  const place = await smallInternet(NAMES, sendPlan);
  const path = join(await temporaryFolder(), 'missing', 'image');
  await expect(images(place).download(URL_OF_PLAN, path, BYTES_MAX)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect.poll(place.open).toBe(0);
});
