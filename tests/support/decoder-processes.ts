// The processes that decode images for this process, by their ids: tests freeze and kill them.
import { execFileSync } from 'node:child_process';

export function decoderProcesses(): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return rows.flatMap((row) => {
    const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    return Number(parent) === process.pid && command.includes('decoding/worker') ? [Number(pid)] : [];
  });
}
