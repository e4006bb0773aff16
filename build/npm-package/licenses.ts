// Which licenses the npm package may contain, and the notices that they ask for.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../pipeline/contract/errors.ts';
import { ROOT } from '../functions.ts';
import type { UsedPackage } from './bundled-packages.ts';

/** All allow use, change and redistribution. LGPL: libvips, an unchanged library of its own file that sharp loads. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'LGPL-3.0-or-later',
  'MIT',
  'MIT-0',
  'Unlicense', // a dedication to the public domain
] as const;
/** Licenses of packages that declare none of SPDX, each read by a person. */
const READ: Readonly<Record<string, string>> = {
  'dejavu-fonts-ttf': 'Bitstream-Vera', // the file LICENSE of the package
};
const NOTICE_FILES = /^(licen[cs]e|copying|notice|copyright)/i;

/** The license of a package as an SPDX expression. */
export function licenseOf({ name, license }: Pick<UsedPackage, 'name' | 'license'>): string | null {
  return READ[name] ?? license;
}

/** Throws a UserError that names every package with a license outside of the list. */
export function checkLicenses(packages: readonly Pick<UsedPackage, 'name' | 'version' | 'license'>[]): void {
  const refused = packages.filter((one) => !(one.name in READ) && !isAllowed(one.license));
  if (refused.length === 0) return;
  const list = refused.map(({ name, version, license }) => `${name}@${version} (${license ?? 'none declared'})`).join(', ');
  throw new UserError(
    `The npm package may not contain packages with these licenses: ${list}. Replace them, or add the license to build/npm-package/licenses.ts after reading it.`,
  );
}

/** One alternative (OR) must be allowed, and each part of a sum (AND). */
export function isAllowed(license: string | null): boolean {
  if (license === null) return false;
  const isListed = (id: string) => ALLOWED.some((allowed) => allowed === id.trim());
  return license
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((sum) => sum.split(' AND ').every(isListed));
}

/** The text of the notices of everything whose code or files the package contains. */
export async function noticesOf(packages: readonly UsedPackage[]): Promise<string> {
  const contained = packages.filter(({ use }) => use !== 'installed');
  const parts = await Promise.all(
    contained.map(async (one) => {
      const folder = join(ROOT, one.folder);
      const files = (await readdir(folder)).filter((name) => NOTICE_FILES.test(name)).sort();
      const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8').catch(() => null)));
      const found = texts.filter((text) => text !== null).map((text) => text.trim());
      return [`${one.name} ${one.version} (${licenseOf(one)})`, ...found].join('\n\n');
    }),
  );
  const head = 'The npm package tilesight contains the following packages. models/NOTICE.md names the models.';
  return `${[head, ...parts].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
