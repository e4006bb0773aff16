// The conventions in which language models report boxes: unit, order and form. A model answers less exactly in a convention that it was
// not trained on (arXiv 2606.04282). Pure.
import { UserError } from '../contract/errors.ts';

export interface Coordinates {
  /** `pixels` of the image as the model sees it; `thousandths` or `fractions` of its width and height. */
  unit: 'pixels' | 'thousandths' | 'fractions';
  /** Which of the two directions comes first. */
  first: 'x' | 'y';
  /** The left, top, right and bottom edges, or the left and top edge with width and height. */
  form: 'edges' | 'size';
}

export const THOUSANDTHS: Coordinates = { unit: 'thousandths', first: 'x', form: 'edges' };
export const PIXELS: Coordinates = { unit: 'pixels', first: 'x', form: 'edges' };

const UNITS = ['pixels', 'thousandths', 'fractions'] as const;

/** As people write it in MODEL_COORDINATES and read it: `thousandths`, `pixels-y-first`, `fractions-size`. */
export function coordinatesName({ unit, first, form }: Coordinates): string {
  return [unit, ...(first === 'y' ? ['y-first'] : []), ...(form === 'size' ? ['size'] : [])].join('-');
}

const BY_NAME = new Map(
  UNITS.flatMap((unit) =>
    (['x', 'y'] as const).flatMap((first) =>
      (['edges', 'size'] as const).map((form) => {
        const coordinates: Coordinates = { unit, first, form };
        return [coordinatesName(coordinates), coordinates] as const;
      }),
    ),
  ),
);

export const coordinatesNames = (): string[] => [...BY_NAME.keys()];

/** Throws a UserError that lists the names if there is none such. */
export function coordinatesNamed(name: string): Coordinates {
  const coordinates = BY_NAME.get(name);
  if (coordinates) return coordinates;
  throw new UserError(`Expected coordinates as one of ${coordinatesNames().join(', ')}, but got ${name}.`);
}

/** The edges of a box, in any unit. */
export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

type FourNumbers = readonly [number, number, number, number];

/** Four numbers as the convention orders them. */
export function fromNumbers(numbers: FourNumbers, { first, form }: Pick<Coordinates, 'first' | 'form'>): Edges {
  const [left, top] = first === 'x' ? [numbers[0], numbers[1]] : [numbers[1], numbers[0]];
  const [across, down] = first === 'x' ? [numbers[2], numbers[3]] : [numbers[3], numbers[2]];
  return form === 'edges' ? { left, top, right: across, bottom: down } : { left, top, right: left + across, bottom: top + down };
}

/** The four numbers that became these edges. */
export function numbersOf(
  { left, top, right, bottom }: Edges,
  { first, form }: Pick<Coordinates, 'first' | 'form'>,
): FourNumbers {
  const [across, down] = form === 'edges' ? [right, bottom] : [right - left, bottom - top];
  return first === 'x' ? [left, top, across, down] : [top, left, down, across];
}
