/** How a column of {@linkcode formatMarkdownTable} stands in line. */
export interface Column {
  readonly title: string;
  /** Whether it has numbers, which stand in line at their right. */
  readonly numbers: boolean;
}

/** A Markdown table with its columns padded, as the formatter leaves it. */
export function formatMarkdownTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0))
  );
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const pad = (cells: readonly string[]) =>
    line(columns.map(({ numbers }, index) => {
      const [cell = "", width = 0] = [cells[index], widths[index]];
      return numbers ? cell.padStart(width) : cell.padEnd(width);
    }));
  return [
    pad(columns.map(({ title }) => title)).trimEnd(),
    line(columns.map(({ numbers }, index) => {
      const width = widths[index] ?? 0;
      return numbers ? `${"-".repeat(width - 1)}:` : "-".repeat(width);
    })),
    ...rows.map(pad),
  ].join("\n");
}
