// The version of the package, which the server reports.
import manifest from '../package.json' with { type: 'json' };

export const VERSION = manifest.version;
