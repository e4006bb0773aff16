// Metrics of functions on AWS: lines in CloudWatch's embedded metric format, which cost no call.
import { MetricUnit, Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import type { MetricName, Metrics } from '../ports.ts';

const NAMESPACE = 'tilesight';

const UNITS: Record<MetricName, (typeof MetricUnit)[keyof typeof MetricUnit]> = {
  TilesDone: MetricUnit.Count,
  TilesFailed: MetricUnit.Count,
  TilesBlank: MetricUnit.Count,
  LookMs: MetricUnit.Milliseconds,
  InputTokens: MetricUnit.Count,
  OutputTokens: MetricUnit.Count,
  CostUsd: MetricUnit.NoUnit,
  Findings: MetricUnit.Count,
  AnalysesEnded: MetricUnit.Count,
  AnalysesFailed: MetricUnit.Count,
};

/** `serviceName` distinguishes deployments in one account: the function's name. */
export function powertoolsMetrics(serviceName: string): Metrics {
  const metrics = new Powertools({ namespace: NAMESPACE, serviceName });
  return {
    add: (name, value) => void metrics.addMetric(name, UNITS[name], value),
    flush: () => void (metrics.hasStoredMetrics() && metrics.publishStoredMetrics()),
  };
}
