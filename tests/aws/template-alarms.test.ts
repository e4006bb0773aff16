// What watches the deployment: every alarm is explained, shown, and about something that is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { deployed, template } from '../support/template.ts';

const ROOT = join(import.meta.dirname, '../..');
type Parameters = Record<string, string | number>;

describe('an alarm', () => {
  const alarms = (parameters: Parameters) =>
    Object.entries(deployed(parameters).Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
  const names = alarms({}).map(([name]) => name);
  const source = readFileSync(join(ROOT, 'pipeline/telemetry/powertools-metrics.ts'), 'utf8');
  const told = [...source.matchAll(/^ {2}(\w+): MetricUnit/gm)].map(([, name]) => name);

  test.each(names)('%s is explained in docs/operations.md', (name) => {
    expect(readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')).toContain(`\`${name}\``);
  });

  test.each(names)('%s watches what this deployment tells, and writes to whoever is named', (name) => {
    const find = (parameters: Parameters) => alarms(parameters).find(([other]) => other === name)?.[1].Properties;
    const { AlarmActions, TreatMissingData } = find({});
    for (const { Namespace, MetricName, Dimensions } of watched(find({}))) {
      const [{ Name, Value }] = Dimensions;
      if (Namespace === 'tilesight')
        expect([Name, Value, told]).toEqual(['service', 'PipelineFunction', expect.arrayContaining([MetricName])]);
      else expect(template.Resources[Value]?.Type).toBe(Name === 'QueueName' ? 'AWS::SQS::Queue' : 'AWS::Serverless::Function');
    }
    expect([AlarmActions, TreatMissingData]).toEqual([[], 'notBreaching']);
    expect(find({ AlarmEmail: 'who@example.org' }).AlarmActions).toEqual(['AlarmTopic']);
  });

  test('has its metrics on the dashboard', () => {
    const body = Dashboard.parse(JSON.parse(deployed().Resources.Dashboard?.Properties.DashboardBody));
    const shown = body.widgets.flatMap(({ properties }) => properties.metrics.map(([, metric]) => metric));
    for (const [, { Properties }] of alarms({})) {
      for (const { MetricName } of watched(Properties)) expect(shown).toContain(MetricName);
    }
  });
});

const Dashboard = z.object({
  widgets: z.array(z.object({ properties: z.object({ metrics: z.array(z.array(z.unknown())) }) })),
});

interface Metric {
  Namespace: string;
  MetricName: string;
  Dimensions: [{ Name: string; Value: string }];
}

/** Of one metric, or of several that it reckons with. */
function watched(alarm: Metric & { Metrics?: { MetricStat?: { Metric: Metric } }[] }): Metric[] {
  return alarm.Metrics?.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : [])) ?? [alarm];
}
