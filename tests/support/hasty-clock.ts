// A clock for tests of what waits: five seconds pass each time it is read.
import type { Clock } from '../../pipeline/ports.ts';

export function hastyClock(): Clock {
  let ms = Date.now();
  return {
    now() {
      ms += 5_000;
      return new Date(ms);
    },
  };
}
