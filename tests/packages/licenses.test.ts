// Which licenses the npm package may contain.
import { describe, expect, test } from 'vitest';
import { packageFolder } from '../../build/npm-package/bundled-packages.ts';
import { checkLicenses, isAllowed } from '../../build/npm-package/licenses.ts';

describe('a license', () => {
  test.each(['MIT', 'ISC', 'Apache-2.0 AND MIT', '(GPL-3.0-only OR MIT)', 'Apache-2.0 AND LGPL-3.0-or-later'])(
    'as %s is allowed',
    (license) => expect(isAllowed(license)).toBe(true),
  );

  test.each(['GPL-3.0-only', 'MIT AND AGPL-3.0-only', 'SEE LICENSE IN LICENSE', 'UNLICENSED', '', null])(
    'as %s is refused',
    (license) => expect(isAllowed(license)).toBe(false),
  );
});

test('a build that would contain another license names every such package', () => {
  const packages = [
    { name: 'good', version: '1.0.0', license: 'MIT' },
    { name: 'copyleft', version: '2.0.0', license: 'AGPL-3.0-only' },
    { name: 'silent', version: '3.0.0', license: null },
  ];
  expect(() => checkLicenses(packages)).toThrow(
    'The npm package may not contain packages with these licenses: copyleft@2.0.0 (AGPL-3.0-only), silent@3.0.0 (none declared). ' +
      'Replace them, or add the license to build/npm-package/licenses.ts after reading it.',
  );
  expect(() => checkLicenses(packages.slice(0, 1))).not.toThrow();
});

test('a file belongs to the innermost package', () => {
  expect(packageFolder('node_modules/a/node_modules/@b/c/dist/d.js')).toBe('node_modules/a/node_modules/@b/c');
  expect(packageFolder('pipeline/pipeline.ts')).toBeNull();
});
