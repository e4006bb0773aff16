// Cost of writing a pyramid in one pass, compared with one read for each tile, with saving the image again, and with the minimum: decode
// once, encode once. Each measurement runs in its own process: the median of three if `runs` is 3, otherwise a single run.
// `npm run bench tiling 4k,10k` selects sizes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import { at } from '../pipeline/contract/at.ts';
import { writePyramid } from '../pipeline/imaging/pyramid.ts';
import { DEFAULT_LIMITS } from '../pipeline/planning/image-limits.ts';
import { type Bar, type BenchResult, resultOf, rounded } from './result.ts';

const PIXELS_MAX = DEFAULT_LIMITS.pixelsMax;
/** 30 x 30 tiles at 20,000 squared, each with 64 pixels more on every inner side: `overlap` as Deep Zoom counts it. */
const PLAN = { stridePx: 667, marginPx: 64, pyramidLevel: 0 };
/** The same with 64 pixels that neighbors share: `overlap` as analyze_image counts it. */
const PLAN_SHARING_64 = { ...PLAN, marginPx: 32 };
const SAMPLE_TILES = 5;
const JPEG = { quality: 90, optimiseCoding: false } as const;
const IMAGES = {
  '4k': { width: 4_000, height: 4_000, runs: 3, png: true },
  '10k': { width: 10_000, height: 10_000, runs: 1, png: false },
  '20k': { width: 20_000, height: 20_000, runs: 3, png: true },
  '30k': { width: 30_000, height: 20_000, runs: 1, png: false },
  gigapixel: { width: 33_334, height: 30_000, runs: 1, png: false },
} as const;
const NAMES = Object.keys(IMAGES) as (keyof typeof IMAGES)[];

/** `rss_mb` includes the image's file, which libvips maps into memory; `anonymous_mb` is the memory that a process really needs. */
const Cost = z.object({
  wall_s: z.number(),
  cpu_s: z.number(),
  rss_mb: z.number(),
  anonymous_mb: z.number(),
  bytes: z.number(),
});
type Cost = z.infer<typeof Cost>;

/** What a child process gets: the variant, the two files, and the size of the image. */
const Arguments = z.tuple([z.string(), z.string(), z.string(), z.coerce.number(), z.coerce.number()]);

const MEASURED = ['extract', 'save', 'floor', 'ours', 'oursSharing64'] as const;
type Measured = (typeof MEASURED)[number];

/** What a child does with `from`; all of them write to `to`. */
const VARIANTS: Record<string, (from: string, to: string, width: number, height: number) => Promise<void>> = {
  async draw(_from, to, width, height) {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const [small, tall] = [Math.ceil(width / 8), Math.ceil(height / 8)];
    const ground = sharp({ create: { width: small, height: tall, channels: 3, background: '#808080', noise } });
    await ground.resize(width, height, { fit: 'fill' }).jpeg(JPEG).toFile(to);
  },
  async png(from, to) {
    await sharp(from, { limitInputPixels: PIXELS_MAX }).png({ compressionLevel: 2 }).toFile(to);
  },
  /** Reads SAMPLE_TILES evenly distributed tiles, each from the file again; `run` extrapolates the cost. */
  async extract(from, to, width, height) {
    const columns = Math.ceil(width / PLAN.stridePx);
    const tiles = columns * Math.ceil(height / PLAN.stridePx);
    for (let sample = 0; sample < SAMPLE_TILES; sample++) {
      const index = Math.floor(((sample + 0.5) / SAMPLE_TILES) * tiles);
      const left = (index % columns) * PLAN.stridePx;
      const top = Math.floor(index / columns) * PLAN.stridePx;
      const edge = PLAN.stridePx + 2 * PLAN.marginPx;
      const box = { left, top, width: Math.min(edge, width - left), height: Math.min(edge, height - top) };
      await sharp(from, { limitInputPixels: PIXELS_MAX }).extract(box).jpeg(JPEG).toFile(to);
    }
  },
  async save(from, to) {
    await sharp(from, { limitInputPixels: PIXELS_MAX }).jpeg({ quality: JPEG.quality }).toFile(to);
  },
  async floor(from, to) {
    await sharp(from, { limitInputPixels: PIXELS_MAX }).jpeg(JPEG).toFile(to);
  },
  async ours(from, to) {
    await writePyramid({ path: from, page: 0, limits: DEFAULT_LIMITS }, to, PLAN);
  },
  async oursSharing64(from, to) {
    await writePyramid({ path: from, page: 0, limits: DEFAULT_LIMITS }, to, PLAN_SHARING_64);
  },
};

export async function run(): Promise<BenchResult> {
  const wanted: string[] = process.argv[3]?.split(',') ?? NAMES;
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-tiling-'));
  const figures: Record<string, number> = {};
  try {
    for (const name of NAMES.filter((size) => wanted.includes(size))) Object.assign(figures, await measured(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const bars: Record<string, Bar> = {
    '20k_jpg_cpu_extract_by_ours': ['>=', 90],
    '20k_png_cpu_extract_by_ours': ['>=', 200],
    '20k_jpg_cpu_ours_by_floor': ['<=', 2],
    '20k_png_cpu_ours_by_floor': ['<=', 1.4],
    '20k_jpg_wall_ours_by_save': ['<=', 1.25],
    '20k_jpg_rss_ours_by_save': ['<=', 0.35],
    '30k_jpg_rss_mb': ['<=', 600],
    gigapixel_jpg_rss_mb: ['<=', 600],
  };
  return resultOf(figures, bars);
}

async function measured(folder: string, name: keyof typeof IMAGES): Promise<Record<string, number>> {
  const { width, height, runs, png } = IMAGES[name];
  const tiles = Math.ceil(width / PLAN.stridePx) * Math.ceil(height / PLAN.stridePx);
  const figures: Record<string, number> = {};
  const jpg = join(folder, `${name}.jpg`);
  await cost('draw', '', jpg, width, height);
  const files = [jpg];
  if (png) {
    const file = join(folder, `${name}.png`);
    files.push(file);
    await cost('png', jpg, file, width, height);
  }
  for (const file of files) {
    const kind = `${name}_${file.slice(-3)}`;
    const costs = new Map<Measured, Cost>();
    for (const variant of MEASURED) {
      const times = variant === 'extract' || variant === 'save' ? 1 : runs;
      const measurements: Cost[] = [];
      for (let time = 0; time < times; time++) measurements.push(await cost(variant, file, join(folder, 'out'), width, height));
      const median = at(
        measurements.sort((a, b) => a.cpu_s - b.cpu_s),
        Math.floor(times / 2),
      );
      const scale = variant === 'extract' ? tiles / SAMPLE_TILES : 1;
      const scaled: Cost = {
        ...median,
        wall_s: median.wall_s * scale,
        cpu_s: median.cpu_s * scale,
        bytes: median.bytes * scale,
      };
      costs.set(variant, scaled);
      console.log(JSON.stringify({ image: kind, variant, tiles, runs: times, scaled_by: scale, ...scaled }));
    }
    const costOf = (variant: Measured, part: keyof Cost): number => {
      const measured = costs.get(variant);
      if (!measured) throw new Error(`${variant} was not measured.`);
      return measured[part];
    };
    const ratio = (part: keyof Cost, above: Measured, below: Measured) => rounded(costOf(above, part) / costOf(below, part), 2);
    figures[`${kind}_cpu_extract_by_ours`] = ratio('cpu_s', 'extract', 'ours');
    figures[`${kind}_cpu_ours_by_floor`] = ratio('cpu_s', 'ours', 'floor');
    figures[`${kind}_wall_ours_by_save`] = ratio('wall_s', 'ours', 'save');
    figures[`${kind}_rss_ours_by_save`] = ratio('rss_mb', 'ours', 'save');
    figures[`${kind}_cpu_ours_sharing_64_by_floor`] = ratio('cpu_s', 'oursSharing64', 'floor');
    figures[`${kind}_rss_mb`] = Math.round(costOf('ours', 'rss_mb'));
    figures[`${kind}_anonymous_mb`] = Math.round(costOf('ours', 'anonymous_mb'));
    await rm(file);
  }
  return figures;
}

async function cost(variant: string, from: string, to: string, width: number, height: number): Promise<Cost> {
  const args = [import.meta.filename, variant, from, to, String(width), String(height)];
  return Cost.parse(JSON.parse((await promisify(execFile)(process.execPath, args)).stdout));
}

/** Memory of this process on Linux; 0 on other systems. */
function anonymousMegabytes(): number {
  if (process.platform !== 'linux') return 0;
  const line = /^RssAnon:\s+(?<kilobytes>\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (!line) throw new Error('/proc/self/status has no line RssAnon.');
  return (Number(line.groups?.kilobytes) * 1_024) / 1_000_000;
}

if (process.argv[1] === import.meta.filename) {
  const [variant, from, to, width, height] = Arguments.parse(process.argv.slice(2));
  sharp.cache(false);
  sharp.concurrency(availableParallelism());
  let anonymous_mb = 0;
  const sample = () => {
    anonymous_mb = Math.max(anonymous_mb, anonymousMegabytes());
  };
  setInterval(sample, 50).unref();
  const before = process.cpuUsage();
  const beginMs = performance.now();
  const work = VARIANTS[variant];
  if (!work) throw new Error(`There is no variant ${variant}.`);
  await work(from, to, width, height);
  const wall_s = (performance.now() - beginMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  const rss_mb = (process.resourceUsage().maxRSS * 1_024) / 1_000_000;
  const { size } = await stat(to);
  console.log(
    JSON.stringify({
      wall_s,
      cpu_s: (user + system) / 1e6,
      rss_mb,
      anonymous_mb,
      bytes: variant === 'extract' ? size * SAMPLE_TILES : size,
    }),
  );
}
