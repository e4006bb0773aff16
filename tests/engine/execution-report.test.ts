// The report that an execution leaves, and that no execution fails because of its report.
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { contentTypeOf } from '../../pipeline/findings/content-type.ts';
import { forgetSzi } from '../../pipeline/imaging/szi/szi.ts';
import type { Blobs, PipelineDeps } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

describe('an execution', () => {
  test('leaves a report with its overlay and a crop of every finding, and names blank and failed tiles', async () => {
    const { stage, request } = await halfBlank();
    let calls = 0;
    const vision = scriptedVision({
      detect() {
        if (calls++ === 0) throw new AnswerError('Expected a tile, got <fog>. Send another.');
        return calls === 3 ? [detectionOf('cat', [10, 10, 50, 50]), detectionOf('dog', [90, 90, 50, 50])] : [];
      },
    });
    const { progress, document } = await stage.run(request, vision);
    expect(progress.status).toBe('PARTIAL');
    const page = (await reportIn(stage.deps.blobs)) ?? '';
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(1 + (document?.findings.length ?? 0));
    expect(page).toContain('Expected a tile, got &lt;fog&gt;. Send another.');
    expect(page).toMatch(/[1-9]\d* blank, 1 failed, 0 not analyzed\./);
    expect(page).toMatch(/class="failed" d="M\d/);
    expect(page).toMatch(/class="blank" d="M\d/);
    expect(contentTypeOf(keys.report('run-1'))).toBe('text/html; charset=utf-8');
    expect(contentTypeOf('uploads/report.html')).toBe('application/octet-stream');
  });

  test('succeeds without a report if it cannot be written', async () => {
    const { stage, request } = await halfBlank();
    const put: Blobs['put'] = async (key, bytes) => {
      if (key === keys.report('run-1')) throw new Error('Disk full.');
      await stage.deps.blobs.put(key, bytes);
    };
    const warned: string[] = [];
    const { progress } = await stage.run(request, scriptedVision(), (deps) => ({
      ...deps,
      blobs: { ...deps.blobs, put },
      log: logInto(deps, warned),
    }));
    expect(progress.status).toBe('SUCCEEDED');
    expect(warned).toEqual(['A file of the results could not be written.']);
    expect(await reportIn(stage.deps.blobs)).toBeNull();
  });

  test('leaves a report without crops if the pyramid is missing', async () => {
    const { stage, request } = await halfBlank();
    let isMissing = false;
    let isRetry = false;
    const vision = scriptedVision({
      detect(_, call) {
        if (call === 0 || isRetry) throw new AnswerError('Expected a tile, got fog. Send another.');
        return call === 1 ? [detectionOf('cat', [10, 10, 50, 50])] : [];
      },
      summarize() {
        isMissing = true; // every tile has been read
        forgetSzi(keys.pyramid('run-1'));
        return 'A cat (f1).';
      },
    });
    await stage.run(request, vision);
    isMissing = false;
    isRetry = true;
    const again = { ...request, execution_id: 'run-2', retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' } };
    const { blobs } = stage.deps;
    const isGone = (key: string) => isMissing && key === keys.pyramid('run-1');
    const missing: Blobs = {
      ...blobs,
      head: async (key) => (isGone(key) ? null : await blobs.head(key)),
      async getRange(key, ...range) {
        if (isGone(key)) throw new Error('There is no such object.');
        return await blobs.getRange(key, ...range);
      },
    };
    const warned: string[] = [];
    const { progress } = await stage.run(again, vision, (deps) => ({
      ...{ ...deps, blobs: missing },
      log: logInto(deps, warned),
    }));
    expect(progress).toMatchObject({ status: 'PARTIAL', findings: 1 });
    expect(warned).toContain('A part of the report could not be drawn.');
    const page = await reportIn(blobs, 'run-2');
    expect(page).toContain('id="row-f1"');
    expect(page?.match(/<img /g)).toHaveLength(1); // the overlay
  });

  /** The upper half is noise, the lower half a single color. */
  async function halfBlank() {
    const path = join(await temporaryFolder(), 'half.png');
    const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
    const upper = await sharp({ create: { width: 900, height: 500, channels: 3, background: '#777', noise } })
      .png()
      .toBuffer();
    await sharp({ create: { width: 900, height: 1_000, channels: 3, background: '#777' } })
      .composite([{ input: upper, left: 0, top: 0 }])
      .toFile(path);
    return { stage: await pipelineStage(), request: requestFor(path) };
  }

  function logInto(deps: PipelineDeps, warned: string[]): PipelineDeps['log'] {
    return { ...deps.log, warn: (_, sentence) => void warned.push(sentence) };
  }

  async function reportIn(blobs: Blobs, executionId = 'run-1'): Promise<string | null> {
    const bytes = await blobs.get(keys.report(executionId));
    return bytes && Buffer.from(bytes).toString();
  }
});
