// `npm run dev`: serves, and starts again when a file in one of the watched folders changes. Options are those of `tilesight serve`.
// Node's watch mode ends this process with SIGTERM, as Ctrl-C would, so that its workers and the server's port are free again.

// Node would have every forked worker report its modules over the channel that carries invocations.
// biome-ignore lint/style/noProcessEnv: the variable is Node's own, and workers inherit it.
delete process.env.WATCH_REPORT_DEPENDENCIES;

process.argv.splice(2, 0, 'serve');
await import('../cli/tilesight.ts');
