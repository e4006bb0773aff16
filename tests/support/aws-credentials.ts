// Credentials for AWS that no account accepts: services on loopback do not check them.
import { vi } from 'vitest';

export const FAKE_SECRET = 'fake-for-tests';

/** As the SDK's own chain finds them first, until `vi.unstubAllEnvs`. */
export function fakeCredentials(): void {
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAFAKEFORTESTS');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', FAKE_SECRET);
  vi.stubEnv('AWS_SESSION_TOKEN', undefined);
}
