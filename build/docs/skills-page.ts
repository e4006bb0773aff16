// Writes skills/index.json: what skills/list returns. The SDK checks every skill and computes the digests.
import './tools-page.ts'; // writes into a skill
import { join } from 'node:path';
import { loadSkills } from '@modelcontextprotocol/server/ext/skills/node';
import { writeOrCheckFile } from './generated-page.ts';

const { entries } = await loadSkills(join(import.meta.dirname, '../../skills'), { prefix: 'tilesight', strict: true });
writeOrCheckFile('skills/index.json', `${JSON.stringify(entries, null, 2)}\n`);
