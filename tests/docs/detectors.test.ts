// docs/detectors.md has every layout and every field of detector.json, as the code has them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../pipeline/vision/detectors/layouts.ts';
import { Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/detectors.md'), 'utf8');
const rows = PAGE.split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

describe('docs/detectors.md', () => {
  test.each(Object.entries(LAYOUTS))(
    'describes the layout %s',
    (name, { families, outputs, colors, scale, fit, scoreMin, nmsIou }) => {
      const row = rows.find(([first]) => first === `\`${name}\``);
      expect(row).toEqual([`\`${name}\``, families, outputs, `${colors} ${scale}`, fit, `${scoreMin}`, `${nmsIou ?? 'none'}`]);
    },
  );

  test.each(Object.keys(Sidecar.shape))('describes the field %s', (field) => {
    expect(rows.some(([first = '']) => first.split(', ').includes(`\`${field}\``))).toBe(true);
  });
});
