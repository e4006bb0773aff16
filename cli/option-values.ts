// Reads the values of options; the errors are commander's. Must not know which option has them.
import { InvalidArgumentError } from 'commander';

const PORT_MAX = 65_535;

export function fourNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.length !== 4 || !numbers.every((number) => number >= 0))
    throw new InvalidArgumentError('Give four numbers separated by commas, for example 1000,500,800,600.');
  return numbers;
}

export function bandNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (![1, 3].includes(numbers.length) || !numbers.every((number) => Number.isInteger(number) && number >= 1))
    throw new InvalidArgumentError('Give one band or three separated by commas, for example 4,3,2.');
  return numbers;
}

/** Values of an option that may be repeated, or that separates them by commas. */
export function listOf(text: string, earlier: string[] = []): string[] {
  const values = text.split(',').map((value) => value.trim());
  if (values.some((value) => value === '')) throw new InvalidArgumentError('Give values separated by commas.');
  return [...new Set([...earlier, ...values])];
}

export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > PORT_MAX) throw new InvalidArgumentError(`Give a port from 0 to ${PORT_MAX}.`);
  return port;
}

export function days(text: string): number {
  if (!/^\d{1,5}d$/.test(text)) throw new InvalidArgumentError('Give a number of days, for example 30d.');
  return Number.parseInt(text, 10);
}

export function decimalNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number, for example 0.25.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}
