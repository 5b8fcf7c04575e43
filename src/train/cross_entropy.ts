import { checkInteger, checkOptionNames, describe, describeShape } from "../base/checks.ts";
import { product } from "../base/numbers.ts";
import { checkTensor } from "../layers/call.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkSameShape } from "./checks.ts";
import { checkReduction, type Loss, type Reduction } from "./loss.ts";

/** The class of every item: whole numbers in any kind of array, in row-major order. */
export type ClassIndices = ArrayLike<number> | ArrayLike<bigint>;

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** How much of the probability is spread evenly over all classes, from 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
  /** The class of items that do not count. It goes with class indices only. Default -100. */
  readonly ignoreIndex?: number;
  /** How the losses of the items become one: the mean is over those that count. Default `"mean"`. */
  readonly reduction?: Reduction;
}

const DEFAULT_IGNORE_INDEX = -100;

/**
 * The cross-entropy between the probabilities that logits stand for, `softmax(logits)`, and the true ones, as
 * `torch.nn.CrossEntropyLoss`. Logarithms and sums are computed in float64, and logits of any size are safe.
 *
 * Label smoothing is that of "Rethinking the Inception Architecture for Computer Vision" (Szegedy et al., 2016).
 *
 * @param logits `(N, C)`, `(N, C, d...)` where every position has a class, or `(C)` for one item.
 * @param labels The class of every item, `N` or `N * d...` whole numbers, or a tensor of the shape of the logits
 * with the probability of every class.
 * @param options Smoothing, what to ignore, and whether it is the mean or the sum. The mean of no items is NaN.
 * @returns The loss and its gradient, `softmax(logits) - probabilities` over the number of items that count.
 * @throws {TypeError} If the logits are not a tensor, the labels neither a tensor nor an array of numbers, or an
 * option is unknown or of the wrong kind.
 * @throws {RangeError} If the shapes do not fit, a label is not a class, or an option is out of range.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { crossEntropy } from "@tileconv/conv/train";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const logits = Tensor.from([[0, 0], [1000, 0]]);
 * const { loss, gradient } = crossEntropy(logits, new Uint8Array([1, 0]));
 * assertAlmostEquals(loss, Math.LN2 / 2);
 * assertEquals([...gradient.data], [0.25, -0.25, 0, 0]);
 * ```
 *
 * @example Probabilities
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { crossEntropy } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { loss } = crossEntropy(Tensor.from([[2, 2]]), Tensor.from([[0.25, 0.75]]));
 * assertAlmostEquals(loss, Math.LN2);
 * ```
 */
export function crossEntropy(
  logits: AnyTensor,
  labels: ClassIndices | AnyTensor,
  options: CrossEntropyOptions = {},
): Loss {
  const where = "crossEntropy()";
  checkOptionNames(where, options, ["labelSmoothing", "ignoreIndex", "reduction"]);
  const { labelSmoothing = 0, reduction = "mean" } = options;
  checkNumber(where, "labelSmoothing", labelSmoothing, { least: 0, most: 1 });
  checkReduction(where, reduction);
  const { shape, values: { elements } } = checkTensor(where, "logits", logits);
  const layout = layoutOf(where, shape);
  const { count, fill } = labels instanceof Tensor
    ? probabilityTarget(where, labels, shape, layout, options)
    : indexTarget(where, labels, layout, options);
  const divisor = reduction === "mean" ? count : 1;
  const gradient = new Float32Array(elements.length);
  const scratch = () => new Float64Array(layout.classes);
  const item = { logits: scratch(), expected: scratch(), gradient: scratch() };
  let sum = 0;
  for (let index = 0; index < layout.items; index++) {
    if (!fill(index, item.expected)) continue;
    if (labelSmoothing > 0) smooth(item.expected, labelSmoothing);
    const begin = beginOf(layout, index);
    for (let i = 0; i < layout.classes; i++) {
      item.logits[i] = elements[begin + i * layout.stride] ?? 0;
    }
    sum += itemLoss(item);
    for (let i = 0; i < layout.classes; i++) {
      gradient[begin + i * layout.stride] = (item.gradient[i] ?? 0) / divisor;
    }
  }
  return { loss: sum / divisor, gradient: new Tensor(gradient, shape) };
}

/** Where the logits of an item are: `begin(item) + index * stride`, for every class. */
interface Layout {
  readonly items: number;
  readonly classes: number;
  readonly stride: number;
}

/** The true probabilities of the items. */
interface Target {
  /** How many items count. */
  readonly count: number;
  /** Writes those of an item, and returns whether it counts. */
  readonly fill: (item: number, expected: Float64Array) => boolean;
}

function layoutOf(where: string, shape: readonly number[]): Layout {
  if (shape.length === 0) {
    throw new RangeError(
      `${where}: logits must have shape (N, C), (N, C, d...) or (C), but have shape []`,
    );
  }
  const [batch = 0, classes = 0, ...positions] = shape.length === 1 ? [1, ...shape] : shape;
  if (classes === 0) {
    throw new RangeError(
      `${where}: logits must have at least one class, but have shape ${describeShape(shape)}`,
    );
  }
  const stride = product(positions);
  return { items: batch * stride, classes, stride };
}

/** The index of an item's first logit. */
function beginOf({ classes, stride }: Layout, item: number): number {
  const batch = Math.floor(item / stride);
  return batch * classes * stride + item - batch * stride;
}

function probabilityTarget(
  where: string,
  labels: AnyTensor,
  expected: readonly number[],
  layout: Layout,
  options: CrossEntropyOptions,
): Target {
  if (options.ignoreIndex !== undefined) {
    throw new TypeError(`${where}: ignoreIndex goes with class indices, but labels is a Tensor`);
  }
  const { shape, values: { elements } } = checkTensor(where, "labels", labels);
  checkSameShape(where, "labels, a Tensor of probabilities,", shape, expected);
  const fill = (item: number, expected: Float64Array) => {
    const begin = beginOf(layout, item);
    for (let i = 0; i < expected.length; i++) {
      expected[i] = elements[begin + i * layout.stride] ?? 0;
    }
    return true;
  };
  return { count: layout.items, fill };
}

function indexTarget(
  where: string,
  labels: unknown,
  { items, classes }: Layout,
  options: CrossEntropyOptions,
): Target {
  const { ignoreIndex = DEFAULT_IGNORE_INDEX } = options;
  checkInteger(where, "ignoreIndex", ignoreIndex, -Infinity);
  if (!Array.isArray(labels) && (!ArrayBuffer.isView(labels) || labels instanceof DataView)) {
    throw new TypeError(
      `${where}: labels must be an array of class indices or a Tensor of probabilities, but is ` +
        describe(labels),
    );
  }
  const indices = Array.from(
    labels as ArrayLike<unknown>,
    (label) => typeof label === "bigint" ? Number(label) : label,
  );
  if (indices.length !== items) {
    throw new RangeError(
      `${where}: there must be ${items} labels, but there are ${indices.length}`,
    );
  }
  const known = indices.map((label, item) => {
    if (label === ignoreIndex) return null;
    checkInteger(where, `labels[${item}]`, label, 0);
    if (typeof label !== "number" || label >= classes) {
      throw new RangeError(
        `${where}: labels[${item}] must be a class from 0 to ${classes - 1}, but is ${label}`,
      );
    }
    return label;
  });
  const fill = (item: number, expected: Float64Array) => {
    const label = known[item] ?? null;
    if (label === null) return false;
    expected.fill(0);
    expected[label] = 1;
    return true;
  };
  return { count: known.filter((label) => label !== null).length, fill };
}

/** Spreads a share of the probability evenly over all classes. */
function smooth(expected: Float64Array, share: number): void {
  const even = share / expected.length;
  for (let i = 0; i < expected.length; i++) expected[i] = (1 - share) * (expected[i] ?? 0) + even;
}

/** One item's numbers, a class each. */
interface Item {
  readonly logits: Float64Array;
  /** The true probabilities. */
  readonly expected: Float64Array;
  /** Written by {@linkcode itemLoss}. */
  readonly gradient: Float64Array;
}

function itemLoss({ logits, expected, gradient }: Item): number {
  let greatest = -Infinity;
  for (let i = 0; i < logits.length; i++) greatest = Math.max(greatest, logits[i] ?? 0);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const exponential = Math.exp((logits[i] ?? 0) - greatest);
    gradient[i] = exponential;
    sum += exponential;
  }
  const logSum = greatest + Math.log(sum);
  let loss = 0;
  let total = 0;
  for (let i = 0; i < logits.length; i++) {
    const share = expected[i] ?? 0;
    total += share;
    // A class that is ruled out may have a logit of -Infinity.
    if (share !== 0) loss += share * (logSum - (logits[i] ?? 0));
  }
  const scale = total / sum;
  for (let i = 0; i < logits.length; i++) {
    gradient[i] = scale * (gradient[i] ?? 0) - (expected[i] ?? 0);
  }
  return loss;
}
