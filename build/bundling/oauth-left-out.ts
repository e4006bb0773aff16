// Replaces the SDK's module of OAuth schemas, whose name has a hash and whose exports have single letters, by one object.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { ROOT } from '../functions.ts';

const MODULE = /[\\/]@modelcontextprotocol[\\/]core[\\/]dist[\\/]auth-[\w-]+\.mjs$/;
const REPLACEMENT = join(ROOT, 'build/left-out/oauth-schemas.ts');

export const oauthLeftOut: Plugin = {
  name: 'oauth-left-out',
  setup({ onLoad }) {
    onLoad({ filter: MODULE }, async ({ path }) => {
      const [, list = ''] = /^export \{([^}]*)\};$/m.exec(await readFile(path, 'utf8')) ?? [];
      const names = [...list.matchAll(/ as (\w+)/g)].map(([, name]) => name);
      if (names.length === 0)
        throw new Error(`${path} exports nothing in the expected form. Update build/bundling/oauth-left-out.ts.`);
      const exported = names.map((name) => `leftOut as ${name}`).join(', ');
      return { contents: `import { leftOut } from ${JSON.stringify(REPLACEMENT)};\nexport { ${exported} };` };
    });
  },
};
