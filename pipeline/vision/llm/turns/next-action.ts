// Asks a language model what it does next in a search, and reads its call. Knows no wire format.
import { at } from '../../../contract/at.ts';
import type { Action } from '../../../contract/questions/search-turn.ts';
import type { Box, ModelId } from '../../../contract/schemas.ts';
import type { Jpeg, SearchedTurn, SearchMaterial } from '../../../ports.ts';
import type { ModelProfile } from '../../../providers/model-profiles.ts';
import { fitJpeg } from '../../jpeg-tools.ts';
import { type BoxFrame, fieldsOf, frameOf } from '../../prompts/box-frame.ts';
import { callOf, questionPrompt, turnWords } from '../../prompts/question-prompt.ts';
import { actionReader, type ShownImages } from '../../reading/read-actions.ts';
import { askModel } from '../ask-model.ts';
import type { Exchange, Model } from '../model.ts';
import { actionForm, toolForms } from './action-forms.ts';

export async function nextAction(
  send: Model,
  model: ModelId,
  profile: ModelProfile,
  material: SearchMaterial,
): Promise<{ action: Action; notes: string[] }> {
  const fitted = async (image: Jpeg) => await fitJpeg(image, { ...profile.intake.seen(image), bytesMax: profile.bytesMax });
  const overview = await fitted(material.overview);
  const jpegs = await Promise.all(material.turns.map(async ({ look }) => (look?.jpeg ? await fitted(look.jpeg) : null)));
  const shown = shownImages(material, overview, jpegs, profile);
  const tools = toolForms(profile.coordinates, material.tools);
  const last = material.turns.length - 1;
  const purpose = {
    wanted: 'next step',
    whenTooLong: 'Choose another model.',
    form: actionForm(tools, material.tools),
    read: actionReader(shown, material.tools),
    // The first of several calls counts: the model made the rest without its result.
    join: (actions: readonly Action[]) => at(actions, 0),
  };
  const { answer, notes } = await askModel(send, model, purpose, {
    ...questionPrompt(material, frameOf(overview, profile)),
    image: overview,
    conversation: {
      exchanges: material.turns.map((turn, index) =>
        exchangeOf(turn, jpegs[index] ?? null, shown, index === last ? material : null),
      ),
      tools,
    },
  });
  return { action: answer, notes };
}

/** All images that the model has been shown, also those that are taken away. */
function shownImages(
  { image, turns }: SearchMaterial,
  overview: Jpeg,
  jpegs: readonly (Jpeg | null)[],
  profile: ModelProfile,
): ShownImages {
  const whole: Box = [0, 0, image.width, image.height];
  const looks = turns.flatMap(({ look }, index) =>
    look ? [[look.number, { frame: frameOf(jpegs[index] ?? look, profile), box: look.box }] as const] : [],
  );
  return new Map([[0, { frame: frameOf(overview, profile), box: whole }], ...looks]);
}

function exchangeOf(
  turn: SearchedTurn,
  image: Jpeg | null,
  shown: ShownImages,
  left: Pick<SearchMaterial, 'looksLeft' | 'waiting'> | null,
): Exchange {
  const frame: BoxFrame | null = (turn.look && shown.get(turn.look.number)?.frame) ?? null;
  return { call: callOf(turn.action, (number, box) => fieldsIn(shown, number, box)), words: turnWords(turn, frame, left), image };
}

function fieldsIn(shown: ShownImages, number: number, [left, top, width, height]: Box): object | null {
  const of = shown.get(number);
  if (!of) return null;
  const across = of.frame.image.width / of.box[2];
  const down = of.frame.image.height / of.box[3];
  return fieldsOf([(left - of.box[0]) * across, (top - of.box[1]) * down, width * across, height * down], of.frame);
}
