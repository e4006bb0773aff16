// The page of one execution: wires the image, what was found on it, and how far it is, to what the server tells.
import type { EndEvent, ProgressEvent, SnapshotEvent, TileEvent } from '../../pipeline/progress/events.ts';
import { byId, nameOf } from '../shared/element.ts';
import { live, REFUSED } from '../shared/live.ts';
import { imagePart } from '../viewer/image-part.ts';
import { tileGrid, tileStates } from '../viewer/tile-grid.ts';
import { findingsPart } from './findings-part.ts';
import { statePart, tellTrouble } from './state-part.ts';

const executionId = location.pathname.split('/').at(-1) ?? '';
const grid = tileGrid(byId('grid', HTMLElement));
const state = statePart(executionId);
let findings: Awaited<ReturnType<typeof findingsPart>> = null;
const image = imagePart(executionId, grid, (row) => findings?.select(row));

const openImage = async () => {
  const opened = await image.open();
  if (opened) nameIt(opened.uri);
};
const openFindings = async () => {
  findings ??= await findingsPart(executionId, image);
};

// Both may be there already: of an execution that has ended nothing needs to be waited for.
void openImage();
void openFindings();

const events = live(
  `/executions/${executionId}/events`,
  {
    snapshot({ picture: plan, grid: levels, states, progress }: SnapshotEvent) {
      if (plan) nameIt(plan.uri);
      grid.show({ levels, states: tileStates(states) });
      if (progress.status === 'RUNNING') image.showGrid(true);
      tell(progress);
    },
    tile({ tile, state: now }: TileEvent) {
      grid.set(tile, now);
      image.redraw();
    },
    progress: (event: ProgressEvent) => tell(event),
    end(event: EndEvent) {
      events.close();
      state.show({ ...event, phase: 'done' });
      void openImage();
      void openFindings().then(() => image.showGrid(event.tiles.failed > 0));
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
  void openImage();
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
