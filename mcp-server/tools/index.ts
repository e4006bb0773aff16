// The tools, in the order in which clients list them. Everything that depends on which tools there are derives from this list:
// the server, its instructions, the isolation tests, the token budget and the generated pages. How to add one: docs/contributing/add-a-tool.md.
import { analyzeImage } from './analyze-image.ts';
import { askImage } from './ask-image.ts';
import { cancelExecution } from './cancel-execution.ts';
import { createUpload } from './create-upload.ts';
import type { AnyTool } from './define.ts';
import { deleteExecution } from './delete-execution.ts';
import { getExecution } from './get-execution.ts';
import { listFindings } from './list-findings.ts';
import { nextTiles } from './next-tiles.ts';
import { reportTiles } from './report-tiles.ts';
import { retryFailedTiles } from './retry-failed-tiles.ts';
import { viewRegion } from './view-region.ts';

export const TOOLS = [
  analyzeImage,
  getExecution,
  listFindings,
  createUpload,
  viewRegion,
  cancelExecution,
  retryFailedTiles,
  deleteExecution,
  askImage,
  nextTiles,
  reportTiles,
] as const satisfies readonly AnyTool[];

export type ToolName = (typeof TOOLS)[number]['name'];
