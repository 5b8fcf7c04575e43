import { describeShape } from "../base/checks.ts";

/** Tensors with more values than this are shown without their middle. */
const MOST_VALUES = 1000;

/** How many entries are kept at either end of an axis whose middle is left out. */
const EDGE_ENTRIES = 3;

/** The width that wrapped rows of numbers keep to, in characters. */
const LINE_WIDTH = 80;

/**
 * A tensor as text: its shape, then its values in nested brackets, as PyTorch prints them.
 *
 * @param name What it is called.
 * @param data The values in row-major order.
 * @param shape The size of each axis.
 * @returns One or more lines.
 */
export function formatTensor(name: string, data: Float32Array, shape: readonly number[]): string {
  const title = `${name} ${describeShape(shape)}`;
  if (data.length === 0) return title;
  const entries = shape.map((size) => shownIndices(size, data.length > MOST_VALUES));
  const shown = shownOffsets(shape, entries).map((offset) => data[offset] ?? 0);
  const format = chooseFormat(shown);
  const width = shown.reduce((widest, value) => Math.max(widest, format(value).length), 0);
  const nest = (axis: number, offset: number, indent: string): string => {
    const indices = entries[axis];
    const size = shape[axis];
    if (indices === undefined || size === undefined) {
      return format(data[offset] ?? 0).padStart(width);
    }
    const deeper = indent + " ";
    const parts: string[] = [];
    let previous = -1;
    for (const index of indices) {
      if (index !== previous + 1) parts.push("...");
      parts.push(nest(axis + 1, offset * size + index, deeper));
      previous = index;
    }
    const last = axis === shape.length - 1;
    if (last) return `[${wrap(parts, deeper)}]`;
    // One empty line for every axis below the rows, so that matrices stand apart.
    return `[${parts.join(`,${"\n".repeat(shape.length - 1 - axis)}${deeper}`)}]`;
  };
  return `${title}\n${nest(0, 0, "")}`;
}

/** The indices of an axis that are shown. */
function shownIndices(size: number, summarise: boolean): readonly number[] {
  const all = summarise && size > 2 * EDGE_ENTRIES ? 2 * EDGE_ENTRIES : size;
  return Array.from(
    { length: all },
    (_, index) => all === size || index < EDGE_ENTRIES ? index : size - all + index,
  );
}

/** The offsets in the data of all values that are shown. */
function shownOffsets(
  shape: readonly number[],
  entries: readonly (readonly number[])[],
): readonly number[] {
  return entries.reduce<readonly number[]>(
    (offsets, indices, axis) =>
      offsets.flatMap((offset) => indices.map((index) => offset * (shape[axis] ?? 1) + index)),
    [0],
  );
}

/** Whole numbers as they are, others with four decimals, or in scientific notation if they vary much. */
function chooseFormat(values: readonly number[]): (value: number) => string {
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = finite.reduce((most, value) => Math.max(most, value), 0);
  const smallest = finite.reduce((least, value) => Math.min(least, value), Infinity);
  if (finite.every(Number.isInteger) && largest < 1e8) return String;
  if (largest >= 1e8 || largest < 1e-3 || largest / smallest > 1e5) {
    return (value) => Number.isFinite(value) ? value.toExponential(4) : String(value);
  }
  return (value) => Number.isFinite(value) ? value.toFixed(4) : String(value);
}

/** Joins the numbers of a row, breaking it where the line would grow too long. */
function wrap(parts: readonly string[], indent: string): string {
  let text = "";
  let column = indent.length;
  parts.forEach((part, index) => {
    const item = index < parts.length - 1 ? `${part},` : part;
    if (index > 0 && column + 1 + item.length > LINE_WIDTH) {
      text += `\n${indent}`;
      column = indent.length;
    } else if (index > 0) {
      text += " ";
      column++;
    }
    text += item;
    column += item.length;
  });
  return text;
}
