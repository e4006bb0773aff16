// The page of one execution: connects the image, the findings and the progress to the live events of the server.
import { byId, nameOf } from '../shared/element.ts';
import { type ExecutionState, stateFields } from '../shared/execution-state.ts';
import { live, on, REFUSED } from '../shared/live.ts';
import * as read from '../shared/read.ts';
import { readGridLevel, TILE_STATES, tileStatesOf } from '../viewer/grid-states.ts';
import { imagePart } from '../viewer/image-part.ts';
import { tileGrid } from '../viewer/tile-grid.ts';
import { type FindingsPart, findingsPart } from './findings-part.ts';
import { showProblem, statePart } from './state-part.ts';

const readProgress: read.Read<ExecutionState> = read.fields(stateFields);
const readSnapshot = read.fields({
  picture: read.nullable(read.fields({ uri: read.text })),
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

const executionId = executionIdIn(location.pathname);
const grid = tileGrid(byId('grid', HTMLElement));
const state = statePart(executionId);
let findings: FindingsPart | null = null;
const image = imagePart(executionId, grid, (row) => findings?.select(row));

const openImage = async () => {
  const opened = await image.open();
  if (opened) showName(opened.uri);
};
const openFindings = async () => {
  findings ??= await findingsPart(executionId, image);
};

// If the execution has ended, both are there already.
void openImage();
void openFindings();

const events = live(
  `/executions/${executionId}/events`,
  {
    snapshot: on(readSnapshot, ({ picture, grid: levels, states, progress: now }) => {
      if (picture) showName(picture.uri);
      grid.show({ levels, states: tileStatesOf(states) });
      if (now.status === 'RUNNING') image.showGrid(true);
      showProgress(now);
    }),
    tile: on(readTileEvent, ({ tile, state: now }) => {
      grid.set(tile, TILE_STATES[now]);
      image.redraw();
    }),
    progress: on(readProgress, showProgress),
    end: on(readEndEvent, (end) => {
      events.close();
      state.show({ ...end, phase: 'done' });
      void openImage();
      void openFindings().then(() => image.showGrid(end.tiles.failed > 0));
      void explain('lost').then(() => findings?.reveal());
    }),
  },
  (problem) => {
    if (problem === null) showProblem(null);
    else void explain(problem);
  },
);

function showProgress(now: ExecutionState): void {
  state.show(now);
  if (!EARLY_PHASES.has(now.phase)) void openImage();
}

/** Asks the server why there is no connection, because EventSource does not give a reason. */
async function explain(problem: 'lost' | 'refused'): Promise<void> {
  try {
    await state.showEnd();
    if (problem === 'refused') showProblem(REFUSED);
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
  }
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
