import { describe, describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import { FileError } from "../../io/files.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Arguments } from "../args.ts";
import type { ArrayFile, StoredArray } from "../arrays/array_file.ts";
import { arrayOf, listOf, openArrays } from "../arrays/array_file.ts";
import { differenceOf, indexOf } from "../arrays/difference.ts";
import type { Command, Output } from "../command.ts";
import type { MemoryLimit } from "../memory.ts";
import { checkMemory, MEMORY_FLAG, memoryLimit } from "../memory.ts";
import { formatCount, formatFields, formatJson, formatTable, printable } from "../report.ts";
import { STANDARD_STREAM } from "../standard_streams.ts";
import { UsageError } from "../usage_error.ts";
import { checkNoMore, numberFlag } from "../values.ts";

/** Compares the arrays of two files. */
export const compareCommand: Command = {
  name: "compare",
  summary: "Compare the arrays of two files",
  usage: "<a> <b> [options]",
  flags: [
    {
      name: "tolerance",
      value: "x",
      description: "the largest relative difference that is none; default 0",
    },
    { name: "name", value: "array", description: "the array to compare; default: all of them" },
    MEMORY_FLAG,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `Says how large the largest difference is, where, and how large in proportion to the largest value
of either array: that is the relative difference. The exit code is 1 if it is more than the
tolerance, or if shapes or names differ. NaN equals NaN, an infinity itself.

Files are .npy, .npz, .safetensors, PyTorch's .pt and .pth, PNG, JPEG or WAV, of one form or two.
Two files with one array each are compared whatever the arrays are called.

Examples:
  tileconv compare a.npy b.npy --tolerance 1e-5
  tileconv compare model.pt model.safetensors
  tileconv compare before.pt after.pt --name features.0.weight`,
  run: runCompare,
};

/** Two arrays that are to be compared. */
interface Pair {
  readonly name: string;
  readonly first: StoredArray;
  readonly second: StoredArray;
}

/** What came of two arrays of one shape. */
interface Comparison {
  readonly name: string;
  readonly shape: readonly number[];
  readonly largest: number;
  readonly relative: number;
  /** Where the largest difference is, and the two values there; `null` where there is none. */
  readonly index: readonly number[] | null;
  readonly values: readonly [first: number, second: number] | null;
  /** How many values differ. */
  readonly differing: number;
}

/** Which arrays cannot be compared. */
interface Unmatched {
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  readonly otherShapes: readonly string[];
}

async function runCompare(args: Arguments, output: Output): Promise<number> {
  const [a, b] = args.positionals;
  if (a === undefined || b === undefined) throw new UsageError("Name the two files to compare");
  checkNoMore(args, 2);
  if (a === STANDARD_STREAM && b === STANDARD_STREAM) {
    throw new UsageError(`Only one file can come from standard input ("${STANDARD_STREAM}")`);
  }
  const tolerance = numberFlag(args, "tolerance", 0, Number.MAX_VALUE) ?? 0;
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  const options = { limit, files, warn: output.warn };
  const [first, second] = [await openArrays(a, options), await openArrays(b, options)];
  const { pairs, ...others } = match(first, second, args.values.get("name"));
  checkPairs(limit, first, second, pairs);
  const comparable = pairs.filter(({ first, second }) => sameShape(first.shape, second.shape));
  const comparisons: Comparison[] = [];
  for (const pair of comparable) comparisons.push(await compare(pair));
  const unmatched = {
    ...others,
    otherShapes: pairs.filter((pair) => !comparable.includes(pair)).map(describeShapes),
  };
  const largest = comparisons.reduce((most, { relative }) => Math.max(most, relative), 0);
  const isAlike = largest <= tolerance &&
    Object.values(unmatched).every(({ length }) => length === 0);
  const names = { first: first.name, second: second.name };
  output.print(
    args.switches.has("json")
      ? formatJson({ ...names, tolerance, isAlike, arrays: comparisons, ...unmatched })
      : [
        describeComparisons(names, comparisons),
        ...describeUnmatched(names, unmatched),
        verdict(comparisons, tolerance, isAlike),
      ].join("\n\n"),
  );
  return isAlike ? 0 : 1;
}

function match(
  first: ArrayFile,
  second: ArrayFile,
  name: string | undefined,
): { readonly pairs: readonly Pair[] } & Omit<Unmatched, "otherShapes"> {
  const isOne = first.arrays.length === 1 && second.arrays.length === 1;
  if (name !== undefined || isOne) {
    const [a, b] = [arrayOf(first, name, "--name"), arrayOf(second, name, "--name")];
    const called = a.name === b.name ? a.name : `${a.name}, ${b.name}`;
    return { pairs: [{ name: called, first: a, second: b }], onlyInFirst: [], onlyInSecond: [] };
  }
  const named = new Map(second.arrays.map((array) => [array.name, array]));
  const pairs = first.arrays.flatMap((array): Pair[] => {
    const other = named.get(array.name);
    return other === undefined ? [] : [{ name: array.name, first: array, second: other }];
  });
  if (pairs.length === 0) {
    const [a, b] = [first, second].map(({ quoted, arrays }) =>
      `${quoted} (${listOf(arrays.map(({ name }) => name))})`
    );
    throw new FileError(`No array of ${a} has the name of one of ${b}`);
  }
  const common = new Set(pairs.map(({ name }) => name));
  const others = ({ arrays }: ArrayFile) =>
    arrays.map(({ name }) => name).filter((name) => !common.has(name));
  return { pairs, onlyInFirst: others(first), onlyInSecond: others(second) };
}

/** Refuses arrays that would take too much memory. */
function checkPairs(
  limit: MemoryLimit,
  first: ArrayFile,
  second: ArrayFile,
  pairs: readonly Pair[],
): void {
  const files = [first, second].reduce((sum, file) => sum + file.fileBytes + file.heldBytes, 0);
  for (const { first, second } of pairs) {
    const floats = [first, second].reduce((sum, { shape }) => sum + product(shape), 0);
    checkMemory(limit, "Comparing", files + Float32Array.BYTES_PER_ELEMENT * floats);
  }
}

async function compare({ name, first, second }: Pair): Promise<Comparison> {
  const [a, b] = [(await first.read()).data, (await second.read()).data];
  const { largest, relative, place, count } = differenceOf(a, b);
  return {
    name,
    shape: first.shape,
    largest,
    relative,
    index: place === null ? null : indexOf(place, first.shape),
    values: place === null ? null : [a[place] ?? NaN, b[place] ?? NaN],
    differing: count,
  };
}

function describeShapes({ name, first, second }: Pair): string {
  return `${name}: ${describeShape(first.shape)} and ${describeShape(second.shape)}`;
}

function describeComparisons(
  { first, second }: { readonly first: string; readonly second: string },
  comparisons: readonly Comparison[],
): string {
  const heading = formatFields([["first", first], ["second", second]]);
  if (comparisons.length === 0) return heading;
  const rows = comparisons.map((each) => [
    printable(each.name),
    describeShape(each.shape),
    `${formatCount(each.differing)} of ${formatCount(product(each.shape))}`,
    figure(each.largest),
    figure(each.relative),
    each.index === null ? "" : describeShape(each.index),
    each.values === null ? "" : each.values.map(String).join(", "),
  ]);
  const titles = ["array", "shape", "differ", "largest", "relative", "where", "values there"];
  return `${heading}\n\n${formatTable(titles, rows)}`;
}

function describeUnmatched(
  { first, second }: { readonly first: string; readonly second: string },
  { onlyInFirst, onlyInSecond, otherShapes }: Unmatched,
): readonly string[] {
  const fields: (readonly [string, readonly string[]])[] = [
    [`only in ${first}`, onlyInFirst],
    [`only in ${second}`, onlyInSecond],
    ["other shapes", otherShapes],
  ];
  return fields.filter(([, names]) => names.length > 0)
    .map(([what, names]) =>
      printable(`${what}: ${names.map((name) => describe(name)).join(", ")}`)
    );
}

function verdict(
  comparisons: readonly Comparison[],
  tolerance: number,
  isAlike: boolean,
): string {
  const isEqual = comparisons.every(({ differing }) => differing === 0);
  if (isAlike) return isEqual ? "Equal" : `Alike: within the tolerance of ${tolerance}`;
  const beyond = comparisons.filter(({ relative }) => !(relative <= tolerance)).length;
  return beyond === 0
    ? "Different: not the same names and shapes"
    : `Different: ${beyond} of ${comparisons.length} beyond the tolerance of ${tolerance}`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
