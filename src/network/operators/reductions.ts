/**
 * Operators that make one number of the elements along axes.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { product, range } from "../../base/numbers.ts";
import type { Target } from "../../codegen/target.ts";
import type { FoldKind } from "../../kernels/maps/fold.ts";
import { planRowFold } from "../../kernels/maps/rows.ts";
import type { Operator, Site } from "../graph/site.ts";
import { rowLoop, stepsOf } from "../graph/strides.ts";
import type { Value } from "../graph/values.ts";

/** How elements are put together. */
interface Reduction {
  readonly start: number;
  readonly add: (total: number, value: number) => number;
  readonly finish: (total: number, count: number) => number;
}

/** The axes that are reduced: all where none is said, unless the node says that none is. */
function axesOf(site: Site, rank: number): readonly number[] {
  const stated = site.list("axes", 1) ?? [];
  if (stated.length > 0) return stated.map((axis) => site.axis(axis, rank));
  return site.number("noop_with_empty_axes", 0) === 0 ? range(rank) : [];
}

function reduced(site: Site, { start, add, finish }: Reduction, fold: Fold | null): Value {
  const input = site.input(0);
  const { shape } = input;
  const axes = axesOf(site, shape.length);
  const kept = shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const result = site.number("keepdims", 1) !== 0
    ? kept
    : shape.filter((_, axis) => !axes.includes(axis));
  const toSteps = stepsOf(kept).map((step, axis) => axes.includes(axis) ? 0 : step);
  const walks = [{ start: 0, steps: stepsOf(shape) }, { start: 0, steps: toSteps }];
  const count = product(axes.map((axis) => shape[axis] ?? 1));
  const isLast = (size: number, axis: number) =>
    size === 1 || !axes.includes(axis) ||
    shape.every((other, i) => i <= axis || other === 1 || axes.includes(i));
  const rows = product(kept);
  return site.map({
    inputs: [input],
    shape: result,
    ...(fold !== null && count > 0 && shape.every(isLast) && {
      plan: (target: Target) =>
        planRowFold({ rows, length: count, kind: fold.kind, factor: fold.factor(count) }, target),
    }),
    compute: ([x], y) => {
      if (x === undefined) return;
      const totals = new Float64Array(y.length).fill(start);
      const { count: length, steps: [step = 0, toStep = 0], eachRow } = rowLoop(shape, walks);
      eachRow(([from = 0, to = 0]) => {
        for (let i = 0; i < length; i++) {
          const at = to + i * toStep;
          totals[at] = add(totals[at] ?? 0, x[from + i * step] ?? 0);
        }
      });
      totals.forEach((total, i) => y[i] = finish(total, count));
    },
  });
}

const plus = (total: number, value: number) => total + value;
const same = (total: number) => total;

function reduction(
  start: number,
  add: Reduction["add"],
  finish: Reduction["finish"] = same,
  fold: Fold | null = null,
): Operator {
  return (site) => reduced(site, { start, add, finish }, fold);
}

/** The same by the threads, where what is reduced lies side by side. */
interface Fold {
  readonly kind: FoldKind;
  /** What is made of so many elements is multiplied by it. */
  readonly factor: (count: number) => number;
}

const whole = () => 1;

/** The operators. */
export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceMean: reduction(0, plus, (total, count) => total / count, {
    kind: "sum",
    factor: (count) => 1 / count,
  }),
  ReduceSum: reduction(0, plus, same, { kind: "sum", factor: whole }),
  ReduceMax: reduction(-Infinity, Math.max, same, { kind: "max", factor: whole }),
  ReduceMin: reduction(Infinity, Math.min, same, { kind: "min", factor: whole }),
  ReduceProd: reduction(1, (total, value) => total * value),
  ReduceSumSquare: reduction(0, (total, value) => total + value * value),
  ReduceL1: reduction(0, (total, value) => total + Math.abs(value)),
  ReduceL2: reduction(0, (total, value) => total + value * value, Math.sqrt),
};
