/**
 * Makes rows orthonormal, in place: Gram and Schmidt's process as modified, twice a row, which is as orthogonal as
 * Householder's reflections ("Twice is enough", Parlett 1980). They are the rows that a QR decomposition gives
 * whose triangle has a positive diagonal.
 *
 * @param rows Linearly independent rows, none longer than another.
 */
export function orthonormalize(rows: readonly Float64Array[]): void {
  rows.forEach((row, index) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows.slice(0, index)) subtractProjection(row, other);
    }
    const length = Math.sqrt(dot(row, row));
    for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) / length;
  });
}

function subtractProjection(row: Float64Array, unit: Float64Array): void {
  const share = dot(row, unit);
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) - share * (unit[i] ?? 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
