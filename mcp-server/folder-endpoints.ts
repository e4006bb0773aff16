// The endpoints of a server whose clients name images in different folders. Must not know how requests bring the folders.
import { lru } from '../pipeline/contract/lru.ts';
import type { McpEndpoint } from './server.ts';

/** Clients that share one server; beyond it, the endpoint that was not used for the longest time is made again. */
const FOLDER_SETS_MAX = 50;

/** An endpoint for each set of allowed folders: its instructions name them. */
export function endpointsByFolders(endpointWith: (folders: readonly string[]) => McpEndpoint) {
  const opened = new Set<McpEndpoint>();
  const byFolders = lru<string, McpEndpoint>(FOLDER_SETS_MAX, (endpoint) => {
    opened.delete(endpoint);
    void endpoint.close();
  });
  return {
    of(folders: readonly string[]): McpEndpoint {
      const key = JSON.stringify(folders);
      const endpoint = byFolders.get(key) ?? endpointWith(folders);
      opened.add(endpoint);
      byFolders.set(key, endpoint);
      return endpoint;
    },
    close: async () => void (await Promise.all([...opened].map((endpoint) => endpoint.close()))),
  };
}
