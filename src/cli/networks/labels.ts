/**
 * The classes that a network tells apart.
 *
 * @module
 */

import { FileError, readBytes } from "../../io/files.ts";
import { printable } from "../report.ts";

/** More labels than any network has. */
const MOST_BYTES = 2 ** 24;

/** A class, and how the network weighs it. */
export interface Ranked {
  readonly index: number;
  readonly label: string | null;
  readonly value: number;
}

/**
 * Reads labels, one a line.
 *
 * @throws {FileError} If the file cannot be read, or is too long to be one of labels.
 */
export async function readLabels(path: string): Promise<readonly string[]> {
  const bytes = await readBytes(path);
  if (bytes.length > MOST_BYTES) {
    throw new FileError(`Cannot read "${path}": it is too long to be a file of labels`);
  }
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
  return (lines.at(-1) === "" ? lines.slice(0, -1) : lines).map(printable);
}

/** The classes of the largest values, the largest first. Not a number is the least. */
export function ranked(
  values: Float32Array,
  labels: readonly string[] | null,
  count: number,
): readonly Ranked[] {
  const order = (value: number) => Number.isNaN(value) ? -Infinity : value;
  return Array.from(values, (value, index) => ({ index, label: labels?.[index] ?? null, value }))
    .sort((a, b) => order(b.value) - order(a.value))
    .slice(0, count);
}
