// The bill of materials of the npm package in CycloneDX 1.6: each package in it or beside it, with version, license and hash.
// https://cyclonedx.org/docs/1.6/json/
import { IDENTITY } from '../ways/identity.ts';
import type { UsedPackage } from './bundled-packages.ts';
import { licenseOf } from './licenses.ts';

export function sbomOf(packages: readonly UsedPackage[]) {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': purlOf(IDENTITY),
        name: IDENTITY.name,
        version: IDENTITY.version,
        purl: purlOf(IDENTITY),
        licenses: [{ license: { id: IDENTITY.license } }],
      },
    },
    components: packages.map((one) => {
      const purl = purlOf(one);
      return {
        type: 'library',
        'bom-ref': `${purl}#${one.folder}`, // two folders may hold the same version
        name: one.name,
        version: one.version,
        purl,
        scope: 'required',
        licenses: [licenseEntry(licenseOf(one))],
        hashes: one.integrity === null ? [] : [hashOf(one.integrity)],
        properties: [{ name: 'tilesight:use', value: one.use }],
      };
    }),
  };
}

function licenseEntry(license: string | null) {
  if (license === null) return { license: { name: 'none declared' } };
  return / (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } };
}

/** https://github.com/package-url/purl-spec: the @ of a scope is encoded. */
function purlOf({ name, version }: { name: string; version: string }): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** npm writes base64, CycloneDX hexadecimal digits. */
function hashOf(integrity: string) {
  return { alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') };
}
