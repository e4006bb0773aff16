// The page of one execution: wires the picture, what was found on it, and how far it is, to what the server tells.
import type { EndEvent, ProgressEvent, SnapshotEvent, TileEvent } from '../pipeline/core/events.ts';
import { byId, nameOf } from './element.ts';
import { findingsPart } from './findings-part.ts';
import { live, REFUSED } from './live.ts';
import { picturePart } from './picture-part.ts';
import { statePart, tellTrouble } from './state-part.ts';
import { tileGrid, tileStates } from './tile-grid.ts';

const executionId = location.pathname.split('/').at(-1) ?? '';
const grid = tileGrid(byId('grid', HTMLElement));
const state = statePart(executionId);
let findings: Awaited<ReturnType<typeof findingsPart>> = null;
const picture = picturePart(executionId, grid, (row) => findings?.select(row));

const openPicture = async () => {
  const opened = await picture.open();
  if (opened) nameIt(opened.uri);
};
const openFindings = async () => {
  findings ??= await findingsPart(executionId, picture);
};

// Both may be there already: of an execution that has ended nothing needs to be waited for.
void openPicture();
void openFindings();

const events = live(
  `/executions/${executionId}/events`,
  {
    snapshot({ picture: plan, grid: levels, states, progress }: SnapshotEvent) {
      if (plan) nameIt(plan.uri);
      grid.show({ levels, states: tileStates(states) });
      if (progress.status === 'RUNNING') picture.showGrid(true);
      tell(progress);
    },
    tile({ tile, state: now }: TileEvent) {
      grid.set(tile, now);
      picture.redraw();
    },
    progress: (event: ProgressEvent) => tell(event),
    end(event: EndEvent) {
      events.close();
      state.show({ ...event, phase: 'done' });
      void openPicture();
      void openFindings().then(() => picture.showGrid(event.tiles.failed > 0));
      void explain('lost');
    },
  },
  (trouble) => {
    if (trouble === null) tellTrouble(null);
    else void explain(trouble);
  },
);

function tell(progress: ProgressEvent): void {
  state.show(progress);
  if (['inspect', 'moderate', 'queued'].includes(progress.phase)) return;
  void openPicture();
}

/** Why there is no connection: the browser does not say. */
async function explain(trouble: 'lost' | 'refused'): Promise<void> {
  try {
    await state.showEnd();
    if (trouble === 'refused') tellTrouble(REFUSED);
  } catch (error) {
    tellTrouble(error instanceof Error ? error.message : String(error));
  }
}

function nameIt(uri: string): void {
  const name = nameOf(uri);
  byId('name', HTMLElement).textContent = name;
  document.title = `${name} · tilesight`;
}
