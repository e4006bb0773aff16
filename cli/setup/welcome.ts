// `tilesight` without arguments: what it is, what people want first, and the line for each client on this machine.
import { existsSync } from 'node:fs';
import { print } from '../terminal.ts';
import { CLIENT_NAMES, CLIENTS, type Place, thisMachine } from './clients.ts';

export function welcome(description: string): void {
  print(`${welcomeText(description, thisMachine())}\n`);
}

export function welcomeText(description: string, place: Place): string {
  const found = CLIENT_NAMES.filter((name) => existsSync(CLIENTS[name].sign(place)));
  const lines = (found.length > 0 ? found : CLIENT_NAMES).map((name) => line(`npx tilesight setup ${name}`, CLIENTS[name].title));
  return [
    `tilesight: ${description}`,
    '',
    line('npx tilesight analyze IMAGE', 'analyzes an image on this machine and writes a report'),
    line('npx tilesight mcp', 'serves the MCP client that starts it'),
    line('npx tilesight serve', 'serves MCP over HTTP, and a page for people'),
    '',
    found.length > 0 ? 'Clients on this machine:' : 'Clients:',
    ...lines,
    '',
    'All commands: npx tilesight --help',
  ].join('\n');
}

function line(command: string, meaning: string): string {
  return `  ${command.padEnd(29)}  ${meaning}`;
}
