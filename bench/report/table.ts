import { formatTable } from "../../src/cli/report.ts";

/**
 * A table whose columns from one on are numbers, and stand in line at their right.
 *
 * @param titles One per column.
 * @param rows As many cells each.
 * @param first Index of the first column of numbers.
 */
export function formatNumbers(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  first: number,
): string {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const align = (cells: readonly string[]) =>
    cells.map((cell, column) => column < first ? cell : cell.padStart(widths[column] ?? 0));
  return formatTable(align(titles), rows.map(align));
}
