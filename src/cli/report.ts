/** Figures as text: rows of a name and a value, tables, and numbers with units. */

/** A text in one line without control characters: paths may hold anything, and a terminal obeys what it is sent. */
export function printable(text: string): string {
  return text.replaceAll(/\s*[\p{Cc}\p{Zl}\p{Zp}]+\s*/gu, " ");
}

/** Rows of a name and a value, the values aligned. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join("\n");
}

/** A table with a line under its titles. */
export function formatTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  return [
    line(titles),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...rows.map(line),
  ].join("\n");
}

/** A duration in the unit that keeps it readable. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 10) return `${seconds.toFixed(1)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${(seconds * 1e6).toFixed(0)} µs`;
}

/** A speed, from multiply-adds: each counts as two floating-point operations. */
export function gigaflops(multiplyAdds: number, seconds: number): number {
  return seconds > 0 ? 2 * multiplyAdds / seconds / 1e9 : 0;
}

/** A count with its thousands apart. */
export function formatCount(count: number): string {
  // Beyond this the last digits are not those of the count.
  return Number.isSafeInteger(count)
    ? count.toLocaleString("en-US")
    : `about ${count.toPrecision(4)}`;
}

/** Figures for programs, each list of numbers on one line. */
export function formatJson(
  figures: Readonly<Record<string, unknown>> | readonly Readonly<Record<string, unknown>>[],
): string {
  // A line break inside brackets is never part of a string: JSON writes those as `\n`.
  return JSON.stringify(figures, null, 2).replaceAll(
    /\[\n[\s\d.,+e-]*\]/g,
    (list) => `[${list.slice(1, -1).trim().replaceAll(/\s+/g, " ")}]`,
  );
}
