// package.json of the npm package, made from the repository's.
import manifest from '../../package.json' with { type: 'json' };
import { IDENTITY, mcpNameOf, type Publisher, repositoryOf } from '../ways/identity.ts';
import { IMPORTS, NOT_BUNDLED } from './layout.ts';
import { RUNTIME_VERSION, RUNTIMES, runtimeName } from './runtimes.ts';
import { FALLBACKS } from './wasm-runtime.ts';

/** Without `private`: what is written can be published. */
export function packageManifest(publisher: Publisher) {
  return {
    name: IDENTITY.name,
    version: IDENTITY.version,
    description: IDENTITY.description,
    keywords: IDENTITY.keywords,
    license: IDENTITY.license,
    author: IDENTITY.author,
    homepage: `${repositoryOf(publisher)}#readme`,
    repository: { type: 'git', url: `git+${repositoryOf(publisher)}.git` },
    mcpName: mcpNameOf(publisher),
    type: 'module',
    engines: { node: IDENTITY.node },
    bin: { [IDENTITY.name]: './dist/start.mjs' },
    exports: {
      '.': { types: './dist/library.d.ts', default: './dist/library.mjs' },
      './package.json': './package.json',
    },
    imports: IMPORTS,
    files: ['dist', 'models', 'page', 'assets', 'skills', 'THIRD_PARTY_NOTICES.txt'],
    dependencies: Object.fromEntries(NOT_BUNDLED.map((name) => [name, manifest.dependencies[name]])),
    optionalDependencies: Object.fromEntries(
      [...RUNTIMES.map(runtimeName), ...Object.keys(FALLBACKS)].map((name) => [name, RUNTIME_VERSION]),
    ),
    peerDependencies: manifest.peerDependencies,
    peerDependenciesMeta: manifest.peerDependenciesMeta,
  };
}
