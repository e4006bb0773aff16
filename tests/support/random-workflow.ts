// Random workflows of every durable operation: generated from a seed, with the expected result, and run by the SDK.
import { type DurableContext, NestingType, StepSemantics } from '@aws/durable-execution-sdk-js';
import type { Random } from './seeded-random.ts';

/** A name is the path of its node, so it is unique in the workflow. */
export type Node =
  | { kind: 'step'; name: string; failures: number; dies: boolean; once: boolean; bytes: number }
  | { kind: 'wait'; name: string; seconds: number }
  | { kind: 'callback'; name: string; answer: 'succeed' | 'fail' | 'never' | 'silent'; afterMs: number }
  | { kind: 'child'; name: string; nodes: Node[] }
  | { kind: 'invoke'; name: string; nodes: Node[]; throws: boolean }
  | { kind: 'map'; name: string; flat: boolean; atOnce: number; items: Node[][] };

/** The result of a workflow: for each node, its name and how it ended. */
export type Outcome = string | Outcome[];

export interface World {
  /** Called when a step runs. */
  ran(name: string): void;
  /** Called with the id of a new callback. */
  sent(name: string, callbackId: string, node: Node & { kind: 'callback' }): void;
}

const DEPTH_MAX = 3;
const LEAVES: [Node['kind'], ...Node['kind'][]] = ['step', 'step', 'step', 'wait', 'callback'];
const BRANCHES: Node['kind'][] = ['child', 'invoke', 'map', 'map'];

export function randomNodes(random: Random, path: string, depth = 0): Node[] {
  return Array.from({ length: random.between(1, depth === 0 ? 5 : 3) }, (_, index) =>
    randomNode(random, `${path}${depth === 0 ? '' : '.'}${index}`, depth),
  );
}

function randomNode(random: Random, name: string, depth: number): Node {
  const kind = random.oneOf<Node['kind']>(depth < DEPTH_MAX ? [...LEAVES, ...BRANCHES] : LEAVES);
  switch (kind) {
    case 'step': {
      const failures = random.oneOf([0, 0, 0, 1, 2]);
      const bytes = random.next() < 0.05 ? 120_000 : 0; // three of them in a map exceed one checkpoint
      return { kind, name, failures, dies: random.next() < 0.1, once: failures === 0 && random.next() < 0.2, bytes };
    }
    case 'wait':
      return { kind, name, seconds: random.between(1, 7_200) };
    case 'callback':
      return {
        kind,
        name,
        answer: random.oneOf(['succeed', 'succeed', 'fail', 'never', 'silent']),
        afterMs: random.between(1, 90_000),
      };
    case 'map': {
      const items = Array.from({ length: random.between(0, 7) }, (_, item) => randomNodes(random, `${name}-${item}`, depth + 1));
      return { kind, name, flat: random.next() < 0.5, atOnce: random.between(1, 5), items };
    }
    case 'invoke':
      return { kind, name, nodes: randomNodes(random, name, depth + 1), throws: random.next() < 0.2 };
    default:
      return { kind, name, nodes: randomNodes(random, name, depth + 1) };
  }
}

/** The oracle: the result of the nodes without durable execution. */
export function expectedOf(nodes: readonly Node[]): Outcome[] {
  return nodes.map((node) => {
    if (node.kind === 'step') return node.dies ? `${node.name} failed` : `${node.name} done${ballast(node.bytes)}`;
    if (node.kind === 'wait') return `${node.name} waited`;
    if (node.kind === 'callback') return `${node.name} ${node.answer === 'succeed' ? 'answered' : 'failed'}`;
    if (node.kind === 'map') return node.items.map((item) => expectedOf(item));
    if (node.kind === 'invoke' && node.throws) return `${node.name} failed`;
    return expectedOf(node.nodes);
  });
}

export async function perform(nodes: readonly Node[], context: DurableContext, world: World): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const node of nodes) {
    outcomes.push(await performed(node, context, world).catch((): Outcome => `${node.name} failed`));
  }
  return outcomes;
}

async function performed(node: Node, context: DurableContext, world: World): Promise<Outcome> {
  switch (node.kind) {
    case 'step':
      return await step(node, context, world);
    case 'wait':
      await context.wait(node.name, { seconds: node.seconds });
      return `${node.name} waited`;
    case 'callback': {
      // Results arrive within 90 s, and a crashed server may be down for a minute.
      const limits = { never: { timeout: { seconds: 60 } }, silent: { timeout: { days: 2 }, heartbeatTimeout: { seconds: 30 } } };
      const limit = limits[node.answer as keyof typeof limits] ?? { timeout: { days: 1 } };
      await context.waitForCallback(node.name, async (id) => world.sent(node.name, id, node), limit);
      return `${node.name} answered`;
    }
    case 'child':
      return await context.runInChildContext(node.name, (inside) => perform(node.nodes, inside, world));
    case 'invoke':
      return await context.invoke(node.name, 'other:1', { nodes: node.nodes, throws: node.throws });
    case 'map': {
      const results = await context.map(node.name, node.items, (inside, item) => perform(item, inside, world), {
        maxConcurrency: node.atOnce,
        nesting: node.flat ? NestingType.FLAT : NestingType.NESTED,
        completionConfig: { toleratedFailurePercentage: 100 },
      });
      return results.getResults();
    }
  }
}

async function step(
  { name, failures, dies, once, bytes }: Node & { kind: 'step' },
  context: DurableContext,
  world: World,
): Promise<Outcome> {
  const body = async ({ attempt = 1 }: { attempt?: number }) => {
    world.ran(name);
    if (attempt <= failures) throw new TypeError('not yet');
    if (dies) throw new RangeError('never');
    return `${name} done${ballast(bytes)}`;
  };
  return await context.step(name, body, {
    ...(once && { semantics: StepSemantics.AtMostOncePerRetry }),
    retryStrategy: ({ name: kind }, attempt) =>
      kind === 'RangeError' ? { shouldRetry: false } : { shouldRetry: true, delay: { seconds: 7 * attempt } },
  });
}

function ballast(bytes: number): string {
  return '.'.repeat(bytes);
}
