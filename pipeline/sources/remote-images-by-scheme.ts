// RemoteImages by the scheme that an address begins with. Knows the schemes it was given and nothing of what is behind them.
import { UserError } from '../contract/errors.ts';
import type { RemoteImages } from '../ports.ts';

/** `s3://bucket/key` goes to `schemes.s3`. An unknown scheme is a UserError that names the known ones. */
export function remoteImagesByScheme(schemes: Readonly<Record<string, RemoteImages>>): RemoteImages {
  return {
    async download(url, path, bytesMax, version) {
      const scheme = url.slice(0, Math.max(url.indexOf('://'), 0));
      const images = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
      if (images) return await images.download(url, path, bytesMax, version);
      const known = Object.keys(schemes).map((name) => `${name}://`);
      throw new UserError(`Expected an address with ${known.join(' or ')}, got ${url.slice(0, 200)}. Upload the image instead.`);
    },
  };
}
