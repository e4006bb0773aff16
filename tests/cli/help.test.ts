import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';

const COMMANDS = ['analyze', 'evaluate', 'serve', 'mcp', 'setup', 'export', 'delete', 'calibrate', 'connect'];

/** The lines of a part of a help text, continuation lines joined. */
function partOf(help: string, title: string): string[] {
  const [, part = ''] = help.match(new RegExp(`^${title}:\\n((?:  .*\\n)+)`, 'm')) ?? [];
  return part
    .replace(/\n {4,}/g, ' ')
    .trim()
    .split(/\n */);
}

const helpOf = async (...args: string[]) => (await runCommand([...args, '--help'])).stdout;

test('the help lists every command', async () => {
  const names = partOf(await helpOf(), 'Commands').map((line) => line.split(' ')[0]);
  expect(names).toEqual([...COMMANDS.slice(0, -1), 'models', 'connect', 'help']);
});

test.each([...COMMANDS, 'models add'])(
  'the help of %s is one sentence, every option with its meaning, and one example',
  async (command) => {
    const help = await helpOf(...command.split(' '));
    const [, description = ''] = help.match(/^Usage: .*\n\n((?:.+\n)+)/) ?? [];
    expect(description.replaceAll('\n', ' ').trim()).toMatch(/^[A-Z](?:[^.]|\.(?! |$))*\.$/);

    const options = partOf(help, 'Options');
    expect(options.length).toBeGreaterThan(1);
    for (const option of options) expect(option).toMatch(/^-.*? {2,}\S/);

    const [example, ...more] = partOf(help, 'Example');
    expect(more).toEqual([]);
    expect(example).toMatch(new RegExp(`^npx tilesight ${command} `));
    const used = example?.match(/--[a-z-]+/g) ?? [];
    for (const option of used) expect(options.some((line) => line.startsWith(`${option} `))).toBe(true);
  },
);
