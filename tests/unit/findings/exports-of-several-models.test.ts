// What exports hold of several detection models and their judge.
import { check } from '@placemarkio/check-geojson';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { COCO_SCHEMA } from '../../support/coco-schema.ts';
import { csvRows } from '../../support/csv-rows.ts';
import { documentOf, exported } from '../../support/exported-findings.ts';
import { LABEL_STUDIO_SCHEMA } from '../../support/label-studio-schema.ts';
import { finding } from '../../support/tool-calls.ts';

const SAID_BY = ['anthropic:claude-sonnet-5', 'openai:qwen3-vl:8b'];
const JUDGED = { by: 'openai:judge', verdict: 'corrected', label: 'lake' } as const;
const BOTH = finding(1, { label: 'pond', said_by: SAID_BY, verified: 'corrected', judged: JUDGED });
const FORMULA = finding(2, { said_by: ['openai:a'], judged: { ...JUDGED, label: '=HYPERLINK("x")\uD800' } });
const EARLIER = finding(3, {});

const ajv = new Ajv({ allErrors: true });

test('COCO, GeoJSON and Label Studio name the models that reported a finding, and the verdict of the judge', () => {
  const json = (format: 'coco' | 'geojson' | 'label-studio', findings: Finding[]) => exported(format, documentOf(findings));
  const expected = { said_by: SAID_BY, judged: JUDGED };
  const all = [BOTH, FORMULA, EARLIER];
  expect(JSON.parse(json('coco', all)).annotations[0]).toMatchObject(expected);
  expect(JSON.parse(json('geojson', all)).features[0].properties).toMatchObject(expected);
  expect(JSON.parse(json('label-studio', all))[0].predictions[0].result[0].meta).toMatchObject(expected);
  expect(ajv.validate(COCO_SCHEMA, JSON.parse(json('coco', all)))).toBe(true);
  expect(ajv.validate(LABEL_STUDIO_SCHEMA, JSON.parse(json('label-studio', all)))).toBe(true);
  expect(() => check(json('geojson', all))).not.toThrow();
});

test('CSV has them in columns at its end, safe from formulas', () => {
  const [head, ...rows] = csvRows(exported('csv', documentOf([BOTH, FORMULA, EARLIER])).slice(1));
  expect(head?.slice(-3)).toEqual(['said_by', 'judged_by', 'judged_label']);
  expect(rows.map((row) => row.slice(-3))).toEqual([
    [SAID_BY.join(' '), 'openai:judge', 'lake'],
    ['openai:a', 'openai:judge', '\'=HYPERLINK("x")\uFFFD'],
    ['', '', ''],
  ]);
});

test('a finding of an earlier version has none of these fields', () => {
  const { annotations } = JSON.parse(exported('coco', documentOf([EARLIER])));
  expect(Object.keys(annotations[0])).not.toContain('said_by');
  expect(Object.keys(annotations[0])).not.toContain('judged');
});
