import { formatSeconds, formatTable } from "../report.ts";

/** How fast a layer is, next to the same computation as a plain loop. */
export interface SpeedRow {
  readonly picture: string;
  readonly layer: string;
  readonly seconds: number;
  readonly megapixelsPerSecond: number;
  readonly plainSeconds: number;
  readonly timesAsFast: number;
}

/** What a row is worked out from. */
type Times = Pick<SpeedRow, "seconds" | "plainSeconds">;

/** The figures of a layer that was timed on a picture of so many pixels. */
export function speedRow(picture: string, layer: string, pixels: number, times: Times): SpeedRow {
  const { seconds, plainSeconds } = times;
  return {
    picture,
    layer,
    seconds,
    megapixelsPerSecond: pixels / seconds / 1e6,
    plainSeconds,
    timesAsFast: plainSeconds / seconds,
  };
}

/** The rows as a table that fits into 80 columns, and a last one for all of them together. */
export function speedTable(rows: readonly SpeedRow[], pixels: number): string {
  const sum = (pick: (row: SpeedRow) => number) =>
    rows.reduce((total, row) => total + pick(row), 0);
  const together = speedRow("together", "", pixels, {
    seconds: sum(({ seconds }) => seconds),
    plainSeconds: sum(({ plainSeconds }) => plainSeconds),
  });
  const columnOf = (title: string, cell: (row: SpeedRow) => string) => [
    title,
    ...[...rows, together].map(cell),
  ];
  const columns = [
    columnOf("picture", ({ picture }) => picture),
    columnOf("layer", ({ layer }) => layer),
    alignRight(columnOf("time", ({ seconds }) => formatSeconds(seconds))),
    alignRight(
      columnOf("megapixels/s", ({ megapixelsPerSecond }) => formatFactor(megapixelsPerSecond)),
    ),
    alignRight(columnOf("plain JS", ({ plainSeconds }) => formatSeconds(plainSeconds))),
    alignRight(columnOf("speedup", ({ timesAsFast }) => `${formatFactor(timesAsFast)} x`)),
  ];
  const [titles = [], ...lines] = Array.from(
    { length: rows.length + 2 },
    (_, line) => columns.map((column) => column[line] ?? ""),
  );
  return formatTable(titles, lines);
}

function alignRight(cells: readonly string[]): readonly string[] {
  const width = Math.max(...cells.map((cell) => cell.length));
  return cells.map((cell) => cell.padStart(width));
}

/** Two digits or more: what lies below is noise. */
function formatFactor(factor: number): string {
  return factor < 10 ? factor.toFixed(1) : factor.toFixed(0);
}
