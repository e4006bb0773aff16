// The page of one execution: connects the image, the findings and the progress to the live events of the server.
import { byId, nameOf } from '../shared/element.ts';
import { type ExecutionState, restOf, stateFields } from '../shared/execution-state.ts';
import { live, on, REFUSED } from '../shared/live.ts';
import * as read from '../shared/read.ts';
import { Refusal } from '../shared/server-requests.ts';
import { readGridLevel, TILE_STATES, tileStatesOf } from '../viewer/grid-states.ts';
import { imagePart } from '../viewer/image-part.ts';
import { tileGrid } from '../viewer/tile-grid.ts';
import { showProblem } from './actions.ts';
import { type FindingsPart, findingsPart } from './findings-part.ts';
import { showQuestion } from './question-part.ts';
import { statePart } from './state-part.ts';

const readProgress: read.Read<ExecutionState> = read.fields(stateFields);
const readSnapshot = read.fields({
  uri: read.nullable(read.text),
  grid: read.listOf(readGridLevel),
  states: read.text,
  progress: readProgress,
});
const readTileEvent = read.fields({ tile: read.number, state: read.keyOf(TILE_STATES) });
const readEndEvent = read.fields({
  status: stateFields.status,
  tiles: stateFields.tiles,
  findings: stateFields.findings,
  usage: stateFields.usage,
});

/** Before the image is cut into tiles. */
const EARLY_PHASES: ReadonlySet<ExecutionState['phase']> = new Set(['queued', 'inspect', 'moderate']);
/** Why there is no image, by status. */
const STAGE: Partial<Readonly<Record<ExecutionState['status'], string>>> = {
  RUNNING: 'The image appears here once it is cut into tiles.',
  BLOCKED: 'Moderation blocked this image, so it is not shown.',
};
const NOT_CUT = 'The analysis ended before the image was cut into tiles, so there is no image to show.';

const executionId = executionIdIn(location.pathname);
const grid = tileGrid(byId('grid', HTMLElement));
const state = statePart(executionId);
let findings: FindingsPart | null = null;
let findingsOpening: Promise<FindingsPart | null> | null = null;
/** The phase whose details are shown; `null` until the server has reported one. */
let phase: ExecutionState['phase'] | null = null;
const image = imagePart(executionId, grid, (row) => findings?.select(row));

const openImage = async () => {
  const opened = await image.open();
  if (opened) showName(opened.uri);
};
const openFindings = async () => {
  if (findings) return;
  findingsOpening ??= findingsPart(executionId, image);
  findings = await findingsOpening;
  findingsOpening = null;
};

// If the execution has ended, both are there already.
void openImage();
void openFindings();
void showQuestion(executionId, image);

const events = live(
  `/executions/${executionId}/events`,
  {
    snapshot: on(readSnapshot, ({ uri, grid: levels, states, progress: now }) => {
      showName(uri ?? executionId);
      grid.show({ levels, states: tileStatesOf(states) });
      if (now.status === 'RUNNING') image.showGrid(true);
      showChange(now);
    }),
    tile: on(readTileEvent, ({ tile, state: now }) => {
      grid.set(tile, TILE_STATES[now]);
      image.redraw();
    }),
    progress: on(readProgress, showChange),
    end: on(readEndEvent, (end) => {
      events.close();
      showProgress({ ...end, phase: 'done' });
      grid.end();
      image.redraw();
      const hasGaps = restOf(end).some(([words]) => words !== 'blank');
      void openFindings().then(() => image.showGrid(hasGaps));
      void showQuestion(executionId, image);
      void showDetails('lost').then(() => findings?.reveal());
    }),
  },
  (problem) => {
    if (problem === null) showProblem(null);
    else void showDetails(problem);
  },
);

function showProgress(now: ExecutionState): void {
  phase = now.phase;
  state.show(now);
  image.explain(STAGE[now.status] ?? NOT_CUT);
  if (!EARLY_PHASES.has(now.phase)) void openImage();
}

function showChange(now: ExecutionState): void {
  const before = phase;
  showProgress(now);
  if (before !== now.phase) void showDetails('lost');
}

/** If there is no connection, the server's answer is the reason, because EventSource does not give one. */
async function showDetails(problem: 'lost' | 'refused'): Promise<void> {
  try {
    await state.showDetails();
    if (problem === 'refused') showProblem(REFUSED);
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
    if (error instanceof Refusal && phase === null) showUnknown();
  }
}

function showUnknown(): void {
  byId('name', HTMLElement).textContent = 'Unknown analysis';
  document.title = 'Unknown analysis · tilesight';
  byId('running', HTMLElement).hidden = true;
  image.explain('There is no analysis at this address.');
}

function showName(uri: string): void {
  const name = nameOf(uri);
  byId('name', HTMLElement).textContent = name;
  document.title = `${name} · tilesight`;
}

/** The server gives this page at `/executions/<id>` only. */
function executionIdIn(path: string): string {
  const id = /^\/executions\/([\w-]+)$/.exec(path)?.[1];
  if (id === undefined) throw new Error(`${path} is not the path of an execution.`);
  return id;
}
