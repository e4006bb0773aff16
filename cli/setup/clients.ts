// The clients that `tilesight setup` knows: where each keeps its servers, and in which form. How to add one: add a row.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Entry, type Format, json, toml } from './config-edits.ts';

export interface Place {
  platform: NodeJS.Platform;
  home: string;
  /** `APPDATA`, `CODEX_HOME` and `CLAUDE_CONFIG_DIR` move files. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** The command that starts the server, with its arguments. */
export interface Command {
  command: string;
  args: readonly string[];
}

interface ClientRow {
  title: string;
  /** The client is installed if this folder or file exists. */
  sign(place: Place): string;
  file(place: Place): string;
  format: Format;
  /** Where the entry is in the file. */
  path: readonly string[];
  entry(command: Command): Entry;
}

const plain = ({ command, args }: Command) => ({ command, args });
const withType = ({ command, args }: Command) => ({ type: 'stdio', command, args });
const inHome =
  (...names: string[]) =>
  (place: Place) =>
    join(place.home, ...names);
/** An empty variable is as good as none: the file must not end up in the current folder. */
const codexHome = ({ home, environment }: Place) => environment.CODEX_HOME || join(home, '.codex');
const claudeHome = ({ home, environment }: Place) => environment.CLAUDE_CONFIG_DIR || home;

/** The folder of the user's profile: code.visualstudio.com/docs/configure/settings. */
function codeUser({ platform, home, environment }: Place): string {
  if (platform === 'darwin') return join(home, 'Library/Application Support/Code/User');
  if (platform === 'win32') return join(environment.APPDATA || join(home, 'AppData/Roaming'), 'Code/User');
  return join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'Code/User');
}

export const CLIENTS = {
  claude: {
    title: 'Claude Code',
    sign: (place) => join(claudeHome(place), '.claude.json'),
    file: (place) => join(claudeHome(place), '.claude.json'),
    format: json,
    path: ['mcpServers', 'tilesight'],
    entry: withType,
  },
  cursor: {
    title: 'Cursor',
    sign: inHome('.cursor'),
    file: inHome('.cursor', 'mcp.json'),
    format: json,
    path: ['mcpServers', 'tilesight'],
    entry: plain,
  },
  vscode: {
    title: 'VS Code',
    sign: codeUser,
    file: (place) => join(codeUser(place), 'mcp.json'),
    format: json,
    path: ['servers', 'tilesight'],
    entry: withType,
  },
  codex: {
    title: 'Codex',
    sign: codexHome,
    file: (place) => join(codexHome(place), 'config.toml'),
    format: toml,
    path: ['mcp_servers', 'tilesight'],
    entry: plain,
  },
  gemini: {
    title: 'Gemini CLI',
    sign: inHome('.gemini'),
    file: inHome('.gemini', 'settings.json'),
    format: json,
    path: ['mcpServers', 'tilesight'],
    entry: plain,
  },
  kiro: {
    title: 'Kiro',
    sign: inHome('.kiro'),
    file: inHome('.kiro', 'settings', 'mcp.json'),
    format: json,
    path: ['mcpServers', 'tilesight'],
    entry: plain,
  },
} as const satisfies Record<string, ClientRow>;

export type ClientName = keyof typeof CLIENTS;
export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[];

export function thisMachine(): Place {
  // biome-ignore lint/style/noProcessEnv: the variables of other programs.
  return { platform: process.platform, home: homedir(), environment: process.env };
}
