/**
 * Products of matrices. Those with a constant one are convolutions at one position.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import { geometryOf } from "../../convolution/geometry.ts";
import { resolveSettings } from "../../convolution/settings.ts";
import { describeNode, type Operator, type Site } from "../graph/site.ts";
import { broadcastShape, broadcastSteps, rowLoop } from "../graph/strides.ts";
import type { Constant, Numbers, Value } from "../graph/values.ts";
import { ConvolutionWeights, type WeightLayout } from "../graph/weights.ts";
import { combined } from "./elementwise.ts";
import { floats, weightsOf } from "./node_weights.ts";

/** `alpha * A * B + beta * C`. */
function gemm(site: Site): Value {
  const alpha = site.number("alpha", 1);
  const beta = site.number("beta", 1);
  const [left, b] = [site.input(0), site.input(1)];
  if (left.shape.length !== 2 || b.shape.length !== 2) {
    const [one, other] = [describeShape(left.shape), describeShape(b.shape)];
    site.fail(`A and B must be matrices, but have shapes ${one} and ${other}`);
  }
  const a = site.number("transA", 0) === 0 ? left : turned(site, left);
  const c = site.optional(2);
  const isTurned = site.number("transB", 0) !== 0;
  if (!b.isConstant) {
    const result = multiplied(site, a, isTurned ? turned(site, b) : b);
    return withSummand(site, scaled(site, result, alpha), c, beta);
  }
  const [inputs = 0, outputs = 0] = isTurned ? [...b.shape].reverse() : b.shape;
  const row = c !== null && isRow(c, outputs) ? c : null;
  const weights = weightsOf(site, row === null ? [b.data] : [b.data, row.data], () => {
    const weight = isTurned ? floats(b.data).slice() : transposed(b.data, inputs, outputs);
    if (alpha !== 1) weight.forEach((value, i) => weight[i] = value * alpha);
    const bias = row && biasOf(row, outputs, beta);
    return new ConvolutionWeights(linearLayout(inputs, outputs), weight, bias);
  });
  const result = rowsMultiplied(site, a, weights);
  return row === null ? withSummand(site, result, c, beta) : result;
}

/** Whether a value is known, and the same for every row. */
function isRow(c: Value, outputs: number): c is Constant {
  return c.isConstant && c.shape.slice(0, -1).every((size) => size === 1) &&
    (c.data.length === outputs || c.data.length === 1);
}

/** A bias as a number for each output. */
function biasOf({ data }: Constant, outputs: number, beta: number): Float32Array {
  const at = (i: number) => data[data.length === 1 ? 0 : i] ?? 0;
  return Float32Array.from({ length: outputs }, (_, i) => beta * at(i));
}

function scaled(site: Site, value: Value, factor: number): Value {
  if (factor === 1) return value;
  return combined(site, value, site.known("float", [], [factor]), (x, y) => x * y);
}

function withSummand(site: Site, value: Value, summand: Value | null, factor: number): Value {
  if (summand === null || factor === 0) return value;
  return combined(site, value, scaled(site, summand, factor), (x, y) => x + y);
}

function linearLayout(inputs: number, outputs: number): WeightLayout {
  return { transposed: false, groups: 1, shape: [outputs, inputs, 1] };
}

/** The rows of a matrix times weights. */
function rowsMultiplied(site: Site, input: Value, weights: ConvolutionWeights): Value {
  const [outputs = 0, inputs = 0] = weights.layout.shape;
  const last = input.shape.at(-1);
  if (last !== inputs) {
    site.fail(`${describeShape(input.shape)} has rows of ${last}, but the matrix takes ${inputs}`);
  }
  const leading = input.shape.slice(0, -1);
  const rows = product(leading);
  return matrixConvolution(site, input, weights, [rows, inputs, 1], [...leading, outputs]);
}

/** A convolution of one tap. */
function matrixConvolution(
  site: Site,
  input: Value,
  weights: ConvolutionWeights,
  inputShape: readonly number[],
  shape: readonly number[],
): Value {
  const [outChannels = 0, inChannels = 0] = weights.layout.shape;
  const [batch = 0, , positions = 0] = inputShape;
  const name = describeNode(site.node);
  const subject = {
    name,
    transposed: false,
    rank: 1,
    inChannels,
    outChannels,
    kernelSize: 1,
  } as const;
  const geometry = geometryOf(resolveSettings(subject, {}, []), batch, [positions]);
  return site.convolution({ geometry, weights, input: site.view(input, inputShape), shape });
}

function transposed(data: Numbers, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] ?? 0;
    }
  }
  return result;
}

/** The matrix with rows and columns exchanged. */
function turned(site: Site, value: Value): Value {
  const [rows = 0, columns = 0] = value.shape;
  return site.map({
    inputs: [value],
    shape: [columns, rows],
    compute: ([x], y) => x && y.set(transposed(x, rows, columns)),
  });
}

/** A vector on the left is a row, one on the right a column: the result has one axis less for each. */
function matMul(site: Site): Value {
  const [a, b] = [site.input(0), site.input(1)];
  const left = a.shape.length === 1 ? site.view(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? site.view(b, [...b.shape, 1]) : b;
  if (left.shape.length === 0 || right.shape.length === 0) site.fail("a number is no matrix");
  const result = multiplied(site, left, right);
  const [rows = 1, columns = 1] = result.shape.slice(-2);
  return site.view(result, [
    ...result.shape.slice(0, -2),
    ...(a.shape.length === 1 ? [] : [rows]),
    ...(b.shape.length === 1 ? [] : [columns]),
  ]);
}

/** Products of matrices, of which there may be many. */
function multiplied(site: Site, a: Value, b: Value): Value {
  const [rows = 0, inner = 0] = a.shape.slice(-2);
  const [innerRight = 0, columns = 0] = b.shape.slice(-2);
  const leading = broadcastShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (inner !== innerRight || leading === null) {
    return site.fail(
      `matrices of ${describeShape(a.shape)} and ${describeShape(b.shape)} do not fit together`,
    );
  }
  if (b.isConstant && b.shape.length === 2) {
    const make = () => {
      const weight = transposed(b.data, inner, columns);
      return new ConvolutionWeights(linearLayout(inner, columns), weight, null);
    };
    return rowsMultiplied(site, a, weightsOf(site, [b.data], make));
  }
  if (a.isConstant && a.shape.length === 2) {
    const make = () => new ConvolutionWeights(linearLayout(inner, rows), floats(a.data), null);
    const inputShape = [product(leading), inner, columns];
    const shape = [...leading, rows, columns];
    return matrixConvolution(site, b, weightsOf(site, [a.data], make), inputShape, shape);
  }
  return pairsMultiplied(site, a, b, leading);
}

/** One product after the other, without an algorithm for large ones. */
function pairsMultiplied(site: Site, a: Value, b: Value, leading: readonly number[]): Value {
  const [rows = 0, inner = 0] = a.shape.slice(-2);
  const columns = b.shape.at(-1) ?? 0;
  const walks = [[a.shape, rows * inner], [b.shape, inner * columns]] as const;
  const loop = rowLoop([...leading, 1], [
    ...walks.map(([shape, size]) => walkOf(shape.slice(0, -2), leading, size)),
    walkOf(leading, leading, rows * columns),
  ]);
  return site.map({
    inputs: [a, b],
    shape: [...leading, rows, columns],
    compute: ([x, y], z) => {
      if (x === undefined || y === undefined) return;
      const { count, steps: [xStep = 0, yStep = 0, zStep = 0], eachRow } = loop;
      eachRow(([xStart = 0, yStart = 0, zStart = 0]) => {
        for (let i = 0; i < count; i++) {
          const left = x.subarray(xStart + i * xStep);
          const right = y.subarray(yStart + i * yStep);
          multiply(left, right, z.subarray(zStart + i * zStep), [rows, inner, columns]);
        }
      });
    },
  });
}

/** From matrix to matrix of so many elements, along axes that they may be repeated along. */
function walkOf(shape: readonly number[], leading: readonly number[], size: number) {
  const steps = broadcastSteps(shape, leading).map((step) => step * size);
  return { start: 0, steps: [...steps, 0] };
}

function multiply(
  x: Numbers,
  y: Numbers,
  z: Numbers,
  [rows, inner, columns]: readonly [number, number, number],
): void {
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let i = 0; i < inner; i++) {
      const factor = x[row * inner + i] ?? 0;
      for (let column = 0; column < columns; column++) {
        sums[column] = (sums[column] ?? 0) + factor * (y[i * columns + column] ?? 0);
      }
    }
    z.set(sums, row * columns);
  }
}

/** The operators. */
export const MATRICES: Readonly<Record<string, Operator>> = { Gemm: gemm, MatMul: matMul };
