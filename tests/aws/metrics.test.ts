// The metrics of dashboards and alarms, and the fields of a log line.
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import type { Log, MetricName, Metrics, PipelineDeps } from '../../pipeline/ports.ts';
import { powertoolsLog } from '../../pipeline/telemetry/powertools-log.ts';
import { powertoolsMetrics } from '../../pipeline/telemetry/powertools-metrics.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

function collector() {
  const sums = new Map<MetricName, number>();
  const metrics: Metrics = { add: (name, value) => void sums.set(name, (sums.get(name) ?? 0) + value), flush: () => {} };
  return { metrics, sum: (name: MetricName) => sums.get(name) };
}

describe('an analysis', () => {
  test('counts its tiles, tokens and end once', async () => {
    const { metrics, sum } = collector();
    const vision = scriptedVision({
      detect: (tile, call) => {
        if (call === 1) throw new AnswerError('Expected an answer, got none.');
        return call === 0 ? [detectionOf('cat', [10, 10, tile.width / 2, 50])] : [];
      },
    });
    const { document } = await runPipeline(await greyImage(900, 700), vision, {}, { around: (deps) => ({ ...deps, metrics }) });
    expect(sum('TilesDone')).toBe(vision.detectCalls - 1);
    expect(sum('TilesFailed')).toBe(1);
    expect(sum('TilesBlank')).toBe(0);
    expect(sum('InputTokens')).toBe(document ? document.usage.input_tokens : -1);
    expect(sum('OutputTokens')).toBe(document ? document.usage.output_tokens : -1);
    expect(sum('Findings')).toBe(1);
    expect([sum('AnalysesEnded'), sum('AnalysesFailed')]).toEqual([1, 0]);
    expect(sum('LookMs')).toBeGreaterThanOrEqual(0);
  });

  test('that fails is counted as failed', async () => {
    const { metrics, sum } = collector();
    const image = join(await temporaryFolder(), 'none.jpg');
    const { progress } = await runPipeline(image, scriptedVision(), {}, { around: (deps) => ({ ...deps, metrics }) });
    expect(progress.status).toBe('FAILED');
    expect([sum('AnalysesEnded'), sum('AnalysesFailed')]).toEqual([1, 1]);
  });

  test('has its execution id in every log line', async () => {
    const lines: object[] = [];
    const keep: Log['error'] = (facts) => void lines.push(facts);
    const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
    const around = (deps: PipelineDeps): PipelineDeps => ({ ...deps, log });
    const { document } = await runPipeline(await greyImage(900, 700), scriptedVision(), {}, { around });
    expect(document && lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatchObject({ execution: 'run-1' });
  });
});

/** The lines that Lambda reads, as JSON. */
function written(run: () => void): unknown[] {
  const lines: unknown[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      lines.push(JSON.parse(String(text)));
      return true;
    }),
  );
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  run();
  for (const spy of spies) spy.mockRestore();
  return lines;
}

describe('on AWS', () => {
  test('metrics are lines in the embedded format, with units, and there is no line without metrics', () => {
    const lines = written(() => {
      const metrics = powertoolsMetrics('pipeline');
      metrics.flush();
      metrics.add('TilesDone', 850);
      metrics.add('LookMs', 120);
      metrics.add('LookMs', 80);
      metrics.flush();
      metrics.flush();
    });
    expect(lines).toEqual([expect.objectContaining({ service: 'pipeline', TilesDone: 850, LookMs: [120, 80] })]);
    expect(lines[0]).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Namespace: 'tilesight',
            Metrics: [
              { Name: 'TilesDone', Unit: 'Count' },
              { Name: 'LookMs', Unit: 'Milliseconds' },
            ],
          },
        ],
      },
    });
  });

  test('a line of the log has its sentence, its facts and the error', () => {
    const lines = written(() => {
      const log = powertoolsLog('pipeline', 'info');
      log.debug({}, 'Below the log level.');
      log.warn({ execution: 'run-1', shard: 2, tile: 'tile-0-r1-c2', error: new Error('why') }, 'A tile could not be analyzed.');
    });
    const facts = { execution: 'run-1', shard: 2, tile: 'tile-0-r1-c2', service: 'pipeline', level: 'WARN' };
    expect(lines).toEqual([expect.objectContaining({ ...facts, message: 'A tile could not be analyzed.' })]);
    expect(lines[0]).toMatchObject({ error: { name: 'Error', message: 'why' } });
  });
});
