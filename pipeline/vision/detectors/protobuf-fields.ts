// Walks the fields of a protobuf message on a buffer, without copies. Knows the wire format, and no message of ONNX.
// https://protobuf.dev/programming-guides/encoding

/** `value` is a number of the wire types 0, 1 and 5, or the bytes of a string, a message or packed numbers. */
export interface Field {
  number: number;
  value: number | Uint8Array;
}

/** Why bytes are no protobuf message. The caller makes a sentence of it. */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage';
}

/** Counts the fields of a file, so that a file of many tiny ones ends in time. */
export class FieldBudget {
  #left: number;
  readonly #fieldsMax: number;

  constructor(fieldsMax: number) {
    this.#left = fieldsMax;
    this.#fieldsMax = fieldsMax;
  }

  spend(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new MalformedMessage(`it has more than ${this.#fieldsMax.toLocaleString('en')} fields`);
  }
}

const VARINT_BYTES_MAX = 10;

/** Calls `visit` for each field in order. Throws a MalformedMessage if a field does not end within `bytes`. */
export function visitFields(bytes: Uint8Array, budget: FieldBudget, visit: (field: Field) => void): void {
  const cursor = { bytes, offset: 0 };
  while (cursor.offset < bytes.length) {
    budget.spend();
    const tag = varint(cursor);
    const number = Math.floor(tag / 8);
    if (number === 0) throw new MalformedMessage('it has a field with the number 0');
    visit({ number, value: fieldValue(cursor, tag % 8) });
  }
}

interface Cursor {
  bytes: Uint8Array;
  offset: number;
}

function fieldValue(cursor: Cursor, wireType: number): number | Uint8Array {
  if (wireType === 0) return varint(cursor);
  if (wireType === 1) return fixed(cursor, 8);
  if (wireType === 2) return take(cursor, varint(cursor));
  if (wireType === 5) return fixed(cursor, 4);
  throw new MalformedMessage(`it has a field of the unknown wire type ${wireType}`);
}

/** Floating-point fields are skipped: no fact that is read here is one. */
function fixed(cursor: Cursor, length: number): number {
  take(cursor, length);
  return 0;
}

function take(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.offset + length;
  if (end > cursor.bytes.length) {
    const missing = (end - cursor.bytes.length).toLocaleString('en');
    throw new MalformedMessage(`a field needs ${missing} bytes more than the file has`);
  }
  const part = cursor.bytes.subarray(cursor.offset, end);
  cursor.offset = end;
  return part;
}

/** Exact below 2^53. A negative number comes out as one near 2^64. */
function varint(cursor: Cursor): number {
  let value = 0;
  let factor = 1;
  for (let count = 0; count < VARINT_BYTES_MAX; count++) {
    const byte = cursor.bytes[cursor.offset];
    if (byte === undefined) throw new MalformedMessage('it ends within a number');
    cursor.offset += 1;
    value += (byte & 127) * factor;
    if (byte < 128) return value;
    factor *= 128;
  }
  throw new MalformedMessage('it has a number of more than ten bytes');
}
