// The log of functions on AWS: JSON lines of Powertools, whose fields CloudWatch Logs Insights can query.
import { Logger } from '@aws-lambda-powertools/logger';
import type { Log } from '../ports.ts';

const LEVELS = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', silent: 'SILENT' } as const;

export function powertoolsLog(serviceName: string, level: keyof typeof LEVELS): Log {
  let made: Logger | undefined;
  // Created for the first line: it opens stdout, which loads a fifth of Node, and a cold start usually logs nothing.
  const logger = () => {
    made ??= new Logger({ serviceName, logLevel: LEVELS[level] });
    return made;
  };
  return {
    debug: (facts, sentence) => logger().debug(sentence, { ...facts }),
    info: (facts, sentence) => logger().info(sentence, { ...facts }),
    warn: (facts, sentence) => logger().warn(sentence, { ...facts }),
    error: (facts, sentence) => logger().error(sentence, { ...facts }),
  };
}
