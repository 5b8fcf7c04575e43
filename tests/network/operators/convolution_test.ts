import * as fc from "fast-check";
import { type Attributes, drawn, float, int, intList, text } from "../_models.ts";
import { ENGINES } from "../_oracle.ts";
import { compareSingles, given, known, listOf, type Single } from "./_single.ts";

/** Sums of thousands of products, in another order. */
const COMPARISON = { engines: ENGINES, tolerance: 1e-5 };

/** What is drawn for convolutions of both directions. */
interface Drawn {
  readonly opset: number;
  readonly batch: number;
  readonly groups: number;
  readonly groupIn: number;
  readonly groupOut: number;
  readonly spatial: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
  readonly outputPadding: readonly number[];
  readonly mode: "NOTSET" | "EXPLICIT" | "VALID" | "SAME_UPPER" | "SAME_LOWER";
  readonly hasBias: boolean;
  readonly isStated: boolean;
  readonly seed: number;
}

const configurations: fc.Arbitrary<Drawn> = fc.integer({ min: 1, max: 3 }).chain((rank) =>
  fc.record({
    opset: fc.constantFrom(7, 11, 13, 22),
    batch: fc.integer({ min: 1, max: 3 }),
    groups: fc.constantFrom(1, 1, 2, 3),
    groupIn: fc.constantFrom(1, 2, 3, 8),
    groupOut: fc.constantFrom(1, 2, 5, 8),
    spatial: listOf(rank, 1, rank === 3 ? 6 : 12),
    kernel: listOf(rank, 1, 4),
    stride: listOf(rank, 1, 3),
    dilation: listOf(rank, 1, 2),
    pads: listOf(2 * rank, 0, 2),
    outputPadding: listOf(rank, 0, 2),
    mode: fc.constantFrom("NOTSET", "EXPLICIT", "EXPLICIT", "VALID", "SAME_UPPER", "SAME_LOWER"),
    hasBias: fc.boolean(),
    isStated: fc.boolean(),
    seed: fc.nat(),
  })
);

function windowAttributes(
  { groups, kernel, stride, dilation, pads, mode, isStated }: Drawn,
): Attributes {
  return {
    ...(groups > 1 || isStated ? { group: int(groups) } : {}),
    ...(isStated ? { kernel_shape: intList(kernel) } : {}),
    ...(stride.some((step) => step > 1) || isStated ? { strides: intList(stride) } : {}),
    ...(dilation.some((step) => step > 1) ? { dilations: intList(dilation) } : {}),
    ...(mode === "EXPLICIT" ? { pads: intList(pads) } : {}),
    ...(mode === "EXPLICIT" || mode === "NOTSET" ? {} : { auto_pad: text(mode) }),
  };
}

/** From a window's first to its last element. */
function extent({ kernel, dilation }: Drawn, axis: number): number {
  return ((kernel[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
}

function inputsOf(
  { batch, groups, groupIn, groupOut, spatial, kernel, hasBias, seed }: Drawn,
  weightShape: readonly number[],
): Single["inputs"] {
  const weight = known(drawn([...weightShape, ...kernel], seed + 1));
  const x = given(drawn([batch, groups * groupIn, ...spatial], seed));
  return hasBias ? [x, weight, known(drawn([groups * groupOut], seed + 2))] : [x, weight];
}

/** ONNX Runtime computes no SAME padding of dilated windows with a stride, and no empty output. */
function isConv(drawn: Drawn): boolean {
  const { spatial, pads, mode, dilation, kernel } = drawn;
  if (mode.startsWith("SAME")) return dilation.every((step) => step === 1);
  return spatial.every((size, axis) => {
    const padding = mode === "EXPLICIT" ? (pads[axis] ?? 0) + (pads[kernel.length + axis] ?? 0) : 0;
    return size + padding >= extent(drawn, axis);
  });
}

Deno.test("Conv computes what ONNX Runtime does", async () => {
  const singles = configurations.filter(isConv).map((drawn): Single => ({
    operator: "Conv",
    opset: drawn.opset,
    attributes: windowAttributes(drawn),
    inputs: inputsOf(drawn, [drawn.groups * drawn.groupOut, drawn.groupIn]),
  }));
  await compareSingles(singles, 150, COMPARISON);
});

/** The sizes of a transposed output without any padding. */
function fullSizes(drawn: Drawn): number[] {
  const { spatial, stride } = drawn;
  return spatial.map((size, axis) => (size - 1) * (stride[axis] ?? 1) + extent(drawn, axis));
}

/** With output padding below the stride, as the operator asks. */
function transposedAttributes(drawn: Drawn): Attributes {
  const { outputPadding, stride, isStated } = drawn;
  const added = outputPadding.map((size, axis) => Math.min(size, (stride[axis] ?? 1) - 1));
  return {
    ...windowAttributes(drawn),
    ...(isStated ? { output_padding: intList(added) } : {}),
  };
}

function transposed(drawn: Drawn, attributes: Attributes): Single {
  return {
    operator: "ConvTranspose",
    opset: drawn.opset,
    attributes,
    inputs: inputsOf(drawn, [drawn.groups * drawn.groupIn, drawn.groupOut]),
  };
}

Deno.test("ConvTranspose computes what ONNX Runtime does", async () => {
  const singles = configurations.filter((drawn) =>
    fullSizes(drawn).every((size, axis) =>
      size > (drawn.pads[axis] ?? 0) + (drawn.pads[drawn.kernel.length + axis] ?? 0)
    )
  ).map((drawn) => transposed(drawn, transposedAttributes(drawn)));
  await compareSingles(singles, 150, COMPARISON);
});

Deno.test("ConvTranspose gives outputs of the shape that is said, as ONNX Runtime does", async () => {
  const singles = fc.tuple(configurations, listOf(3, -3, 2)).map(([drawn, changes]) => {
    const { stride, outputPadding } = drawn;
    const sizes = fullSizes(drawn).map((size, axis) => {
      const added = drawn.isStated
        ? Math.min(outputPadding[axis] ?? 0, (stride[axis] ?? 1) - 1)
        : 0;
      const change = Math.min(changes[axis] ?? 0, (stride[axis] ?? 1) - 1 - added);
      return Math.max(1, size + added + change);
    });
    const { pads: _, ...attributes } = transposedAttributes(drawn);
    return transposed(drawn, { ...attributes, output_shape: intList(sizes) });
  });
  await compareSingles(singles, 100, COMPARISON);
});

Deno.test("Gemm computes what ONNX Runtime does, with a C of every shape", async () => {
  const size = fc.constantFrom(1, 2, 3, 8, 17);
  const singles = fc.record({
    opset: fc.constantFrom(7, 9, 11, 13),
    rows: size,
    columns: size,
    inner: size,
    alpha: fc.constantFrom(null, 1, 0.5, -2),
    beta: fc.constantFrom(null, 1, 0.25, 0),
    turned: fc.tuple(fc.boolean(), fc.boolean()),
    c: fc.constantFrom("none", "scalar", "one", "row", "[1, n]", "column", "whole"),
    isKnown: fc.boolean(),
    seed: fc.nat(),
  }).map(
    ({ opset, rows, columns, inner, alpha, beta, turned: [a, b], c, isKnown, seed }): Single => {
      const shapes: Record<string, number[]> = {
        scalar: [],
        one: [1],
        row: [columns],
        "[1, n]": [1, columns],
        column: [rows, 1],
        whole: [rows, columns],
      };
      const last = c === "none" && opset < 11 ? shapes["row"] : shapes[c];
      const inputs = [
        given(drawn(a ? [inner, rows] : [rows, inner], seed)),
        known(drawn(b ? [columns, inner] : [inner, columns], seed + 1)),
      ];
      return {
        operator: "Gemm",
        opset,
        inputs: last === undefined
          ? inputs
          : [...inputs, (isKnown ? known : given)(drawn(last, seed + 2))],
        attributes: {
          ...(alpha === null ? {} : { alpha: float(alpha) }),
          ...(beta === null ? {} : { beta: float(beta) }),
          ...(a ? { transA: int(1) } : {}),
          ...(b ? { transB: int(1) } : {}),
        },
      };
    },
  );
  await compareSingles(singles, 100, COMPARISON);
});

/** Shapes of two matrices, or of rows or columns, that can be multiplied. */
const factors = fc.record({
  batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  rows: fc.constantFrom(1, 2, 3, 9),
  inner: fc.constantFrom(1, 2, 5, 16),
  columns: fc.constantFrom(1, 2, 4, 11),
  isRow: fc.boolean(),
  isColumn: fc.boolean(),
  seed: fc.nat(),
});

Deno.test("MatMul by a constant on its right computes what ONNX Runtime does", async () => {
  const singles = factors.map(({ batch, rows, inner, columns, isRow, isColumn, seed }): Single => ({
    operator: "MatMul",
    opset: 13,
    inputs: [
      given(drawn(isRow ? [inner] : [...batch, rows, inner], seed)),
      known(drawn(isColumn ? [inner] : [inner, columns], seed + 1)),
    ],
  }));
  await compareSingles(singles, 80, COMPARISON);
});

Deno.test("MatMul by a constant on its left computes what ONNX Runtime does", async () => {
  const singles = factors.map(({ batch, rows, inner, columns, isRow, isColumn, seed }): Single => ({
    operator: "MatMul",
    opset: 13,
    inputs: [
      known(drawn(isRow ? [inner] : [rows, inner], seed)),
      given(drawn(isColumn ? [inner] : [...batch, inner, columns], seed + 1)),
    ],
  }));
  await compareSingles(singles, 80, COMPARISON);
});

Deno.test("MatMul by many constant matrices computes what ONNX Runtime does", async () => {
  const singles = fc.tuple(factors, fc.boolean(), fc.integer({ min: 1, max: 3 }))
    .map(([{ rows, inner, columns, seed }, isLeft, count]): Single => {
      const left = drawn([count, rows, inner], seed);
      const right = drawn([count, inner, columns], seed + 1);
      return {
        operator: "MatMul",
        opset: 13,
        inputs: isLeft ? [known(left), given(right)] : [given(left), known(right)],
      };
    });
  await compareSingles(singles, 40, COMPARISON);
});
