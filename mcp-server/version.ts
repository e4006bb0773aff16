// What the server says of its own age.
import manifest from '../package.json' with { type: 'json' };

export const VERSION = manifest.version;
