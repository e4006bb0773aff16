// Reads a row that must exist. An index outside the rows is a bug, and fails as one.

/** The row at `index`. Throws a RangeError outside of the rows, where `rows[index]` would be `undefined`. */
export function at<Row>(rows: ArrayLike<Row>, index: number): Row {
  const row = rows[index];
  if (row === undefined) throw new RangeError(`No row ${index} among ${rows.length}.`);
  return row;
}
