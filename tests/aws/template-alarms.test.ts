// The alarms of the deployment: each is documented, on the dashboard, and about a metric that exists.
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
  const published = [...source.matchAll(/^ {2}(\w+): MetricUnit/gm)].map(([, name]) => name);

  test.each(names)('%s is explained in docs/operations.md', (name) => {
    expect(readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')).toContain(`\`${name}\``);
  });

  test.each(names)('%s watches a metric of this deployment, and notifies the given address', (name) => {
    const find = (parameters: Parameters) => alarms(parameters).find(([other]) => other === name)?.[1].Properties;
    const { AlarmActions, TreatMissingData } = find({});
    for (const { Namespace, MetricName, Dimensions } of watched(find({}))) {
      const [{ Name, Value }] = Dimensions;
      if (Namespace === 'tilesight')
        expect([Name, Value, published]).toEqual(['service', 'PipelineFunction', expect.arrayContaining([MetricName])]);
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

/** The metric, or all metrics of an expression. */
function watched(alarm: Metric & { Metrics?: { MetricStat?: { Metric: Metric } }[] }): Metric[] {
  return alarm.Metrics?.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : [])) ?? [alarm];
}
