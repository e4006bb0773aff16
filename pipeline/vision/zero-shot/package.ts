// The optional package that runs zero-shot detectors: its name, its version, and whether it is installed. Loads nothing of it.
import { createRequire } from 'node:module';
import { codeOf, UserError } from '../../contract/errors.ts';

/** Not a literal in `import()`: the package is optional, so types and bundles must do without it. */
export const PACKAGE: string = '@huggingface/transformers';
const VERSION = '4.3.2'; // needs exactly the onnxruntime-node of package.json

/** Throws a UserError that says how to add the package if it is missing. */
export function requirePackage(resolve: (name: string) => string = createRequire(import.meta.url).resolve): void {
  try {
    resolve(PACKAGE);
  } catch (cause) {
    throw missingPackage(cause);
  }
}

/** What to throw for an error of loading the package. */
export function missingPackage(cause: unknown): unknown {
  if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(codeOf(cause))) return cause;
  // Without --save-prod, npm 11 installs nothing where the package is an optional peer dependency, as in a clone.
  const sentence = `hf: models need the package ${PACKAGE}, which is not installed. Add it with \`npm install --no-save --save-prod ${PACKAGE}@${VERSION}\`, then start again.`;
  return new UserError(sentence, { cause });
}
