/**
 * How a picture is cut so that its parts, enlarged one by one, have the bits of the whole.
 *
 * Winograd's algorithm computes 1 to 4 outputs along an axis together, from the first one on, and rounds each by its
 * place among them: parts begin at multiples of 12, where such groups begin whatever their size. What is cut off a part
 * spoils the first group of every layer, and those that a spoiled one reaches into: 4 pixels a layer of 3x3 taps, 3 with
 * 5x5, which are computed two by two, 35 in all. How a layer is computed depends on its size, but from 108 rows of 216
 * columns on no more: in 400 such sizes that were drawn for each of the four networks and three targets. Of narrower
 * pictures the last digit of some samples may be another one.
 *
 * @module
 */

/** Where groups of outputs begin, whatever their size. */
const GRID = 12;

/** Pixels beside a cut that are not as in the whole, up to the grid. */
const MARGIN = 36;

/** Columns, and rows of so many columns, from which on layers are computed as larger ones are. */
const LEAST_COLUMNS = 216;
const LEAST_ROWS = 108;

/** A part of an axis, and what is kept of it: from `from` up to `to`. */
export interface Span {
  readonly first: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/** The parts of a picture. */
export interface Windows {
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
  /** Rows and columns of the largest one. */
  readonly height: number;
  readonly width: number;
}

/** Windows along an axis, of which the last one may have a few pixels more. */
interface Cut {
  readonly count: number;
  readonly size: number;
}

/**
 * Cuts a picture into windows that overlap: of those that fit into the memory, the ones that have the fewest pixels in
 * all.
 *
 * @param fits Whether windows of a height and a width fit.
 * @returns The windows, the smallest ones if none fit.
 */
export function planWindows(
  height: number,
  width: number,
  fits: (height: number, width: number) => boolean,
): Windows {
  const columns = cutsOf(width, LEAST_COLUMNS);
  const leastRows = width < LEAST_COLUMNS ? LEAST_COLUMNS : LEAST_ROWS;
  const pairs = cutsOf(height, leastRows).flatMap((rows) =>
    columns.map((columns) => ({ rows, columns }))
  );
  pairs.sort((a, b) => pixelsOf(a) - pixelsOf(b));
  const most = ({ rows, columns }: Pair) => [mostOf(height, rows), mostOf(width, columns)] as const;
  const found = pairs.find((pair) => fits(...most(pair))) ?? smallest(pairs);
  const [rows, across] = [spansOf(height, found.rows.size), spansOf(width, found.columns.size)];
  const [windowHeight, windowWidth] = most(found);
  return { rows, columns: across, height: windowHeight, width: windowWidth };
}

interface Pair {
  readonly rows: Cut;
  readonly columns: Cut;
}

/** The ways to cut an axis into windows of at least so many pixels, the fewest first. */
function cutsOf(length: number, least: number): [Cut, ...Cut[]] {
  const cuts: [Cut, ...Cut[]] = [{ count: 1, size: length }];
  for (let count = 2;; count++) {
    const even = (length + 2 * MARGIN * (count - 1)) / count;
    const size = Math.ceil(even / GRID) * GRID;
    if (Math.max(size, least) >= length) break;
    cuts.push({ count, size: Math.max(size, least) });
    if (size <= least) break;
  }
  return cuts;
}

/** The pixels of the largest window. */
function mostOf(length: number, { size }: Cut): number {
  return Math.min(length, size + GRID - 1);
}

/** Pixels of all windows together. */
function pixelsOf({ rows, columns }: Pair): number {
  return rows.count * rows.size * columns.count * columns.size;
}

function smallest(pairs: readonly Pair[]): Pair {
  const [first, ...others] = pairs;
  if (first === undefined) throw new RangeError("There is no way to cut a picture");
  const areaOf = ({ rows, columns }: Pair) => rows.size * columns.size;
  return others.reduce((best, other) => areaOf(other) < areaOf(best) ? other : best, first);
}

/** Windows along an axis. All have the same size, but for the last one, which ends where the axis does. */
function spansOf(length: number, size: number): Span[] {
  const last = Math.floor((length - size) / GRID) * GRID;
  const spans: Span[] = [];
  for (let from = 0; from < length;) {
    const first = Math.min(Math.max(0, from - MARGIN), last);
    const count = first === last ? length - first : size;
    const to = first === last ? length : first + size - MARGIN;
    spans.push({ first, count, from, to });
    from = to;
  }
  return spans;
}
