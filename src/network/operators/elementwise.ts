/**
 * Operators that make each element of the elements at its place.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import type { ActivationSettings } from "../../convolution/epilogue.ts";
import type { ElementKind } from "../../io/models/onnx/model.ts";
import { ERF, GELU } from "../../kernels/maps/error_function.ts";
import { elu as eluFormula, EXP, SIGMOID, TANH } from "../../kernels/maps/exponential.ts";
import {
  ABSOLUTE,
  binary as binaryFormula,
  clip as clipping,
  type Formula,
  hardSigmoid as hardSigmoidFormula,
  hardSwish as hardSwishFormula,
  LEAN,
  leaning,
  RECIPROCAL,
  times,
} from "../../kernels/maps/formulas.ts";
import type { MapRequest, Operator, Site } from "../graph/site.ts";
import type { Meaning } from "../graph/steps.ts";
import { broadcastShape, broadcastSteps, rowLoop, stepsOf } from "../graph/strides.ts";
import type { Numbers, Value } from "../graph/values.ts";
import type { Affine } from "../graph/weights.ts";
import { errorFunction } from "./error_function.ts";

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

/** Applies a function to every element. */
function applied(
  site: Site,
  apply: Unary,
  formula: Formula | null = null,
  meaning: Meaning | null = null,
): Value {
  const input = site.input(0);
  const { shape } = input;
  return site.map({
    inputs: [input],
    shape,
    meaning,
    ...planned(site, shape, [input], formula),
    compute: ([x], y) => {
      if (x === undefined) return;
      for (let i = 0; i < y.length; i++) y[i] = apply(x[i] ?? 0);
    },
  });
}

/** How the threads compute a formula, if there is one. */
function planned(
  site: Site,
  shape: readonly number[],
  values: readonly Value[],
  formula: Formula | null,
): Pick<MapRequest, "elements"> {
  if (formula === null) return {};
  const inputs = values.map((value) => ({
    length: product(value.shape),
    steps: broadcastSteps(value.shape, shape),
  }));
  const name = site.node.operator;
  return { elements: { name, shape, inputs, steps: stepsOf(shape), formula } };
}

function activated(
  site: Site,
  settings: ActivationSettings,
  apply: Unary,
  formula: Formula,
): Value {
  return applied(site, apply, formula, { kind: "activation", activation: settings });
}

const RELU: ActivationSettings = { activation: "relu", negativeSlope: 0 };
const RELU6: ActivationSettings = { activation: "relu6", negativeSlope: 0 };

function leakyRelu(site: Site, slope: number): Value {
  const settings: ActivationSettings = { activation: "leakyRelu", negativeSlope: slope };
  return activated(site, settings, (x) => x < 0 ? slope * x : x, leaning(slope));
}

function clip(site: Site): Value {
  const [least, most] = [site.optional(1), site.optional(2)];
  if (least?.isConstant === false || most?.isConstant === false) {
    return clippedBy(site, least, most);
  }
  const bound = (name: string, input: number, standard: number) =>
    site.optionalConstant(input)?.data[0] ?? site.number(name, standard);
  const low = bound("min", 1, -Infinity);
  const high = bound("max", 2, Infinity);
  const apply: Unary = (x) => {
    // Not a number stays one.
    const raised = x < low ? low : x;
    return raised > high ? high : raised;
  };
  const formula = clipping(low, high);
  if (low === 0 && high === Infinity) return activated(site, RELU, apply, formula);
  if (low === 0 && high === 6) return activated(site, RELU6, apply, formula);
  return applied(site, apply, formula);
}

/** The same where a bound is computed. */
function clippedBy(site: Site, least: Value | null, most: Value | null): Value {
  const x = site.input(0);
  const raised = least === null ? x : combined(site, x, least, Math.max);
  return most === null ? raised : combined(site, raised, most, Math.min);
}

function parametricRelu(site: Site): Value {
  const slope = site.input(1);
  if (slope.isConstant && product(slope.shape) === 1) return leakyRelu(site, slope.data[0] ?? 0);
  return binary(site, (x, slope) => x < 0 ? slope * x : x, { formula: LEAN });
}

function gelu(site: Site): Value {
  if (site.text("approximate", "none") === "tanh") {
    const scale = Math.sqrt(2 / Math.PI);
    return applied(site, (x) => 0.5 * x * (1 + Math.tanh(scale * (x + 0.044715 * x ** 3))));
  }
  return applied(site, (x) => 0.5 * x * (1 + errorFunction(x / Math.SQRT2)), GELU);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** `log(1 + exp(x))`, whose exponential is infinite long before it is. */
function softplus(x: number): number {
  return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
}

function hardSigmoid(alpha: number, beta: number): Unary {
  return (x) => Math.max(0, Math.min(1, alpha * x + beta));
}

function elu(site: Site): Value {
  const alpha = site.number("alpha", 1);
  return applied(site, (x) => x < 0 ? alpha * Math.expm1(x) : x, eluFormula(alpha));
}

function selu(site: Site): Value {
  const alpha = site.number("alpha", 1.6732632423543772);
  const gamma = site.number("gamma", 1.0507009873554805);
  return applied(
    site,
    (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x)),
    eluFormula(alpha, gamma),
  );
}

/** To the nearest whole number, halves to the even one. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The shape of the result of several inputs. */
function commonShape(site: Site, values: readonly Value[]): number[] {
  const shapes = values.map(({ shape }) => shape);
  return broadcastShape(shapes) ??
    site.fail(`shapes ${shapes.map(describeShape).join(" and ")} do not fit together`);
}

/** The same of a node's two inputs. */
function binary(
  site: Site,
  apply: Binary,
  options: BinaryOptions = {},
): Value {
  return combined(site, site.input(0), site.input(1), apply, options);
}

/** What an operation is besides its function. */
interface BinaryOptions {
  readonly kind?: ElementKind;
  readonly meaning?: Meaning | null;
  readonly formula?: Formula | null;
}

/** Applies a function to the elements of two values, repeated to a common shape. */
export function combined(
  site: Site,
  a: Value,
  b: Value,
  apply: Binary,
  { kind, meaning = null, formula = null }: BinaryOptions = {},
): Value {
  const shape = commonShape(site, [a, b]);
  const walks = [a, b].map((value) => ({ start: 0, steps: broadcastSteps(value.shape, shape) }));
  const to = { start: 0, steps: broadcastSteps(shape, shape) };
  return site.map({
    inputs: [a, b],
    shape,
    ...(kind === undefined ? {} : { kind }),
    meaning,
    ...planned(site, shape, [a, b], formula),
    compute: ([x, y], z) => {
      if (x === undefined || y === undefined) return;
      combineRows(shape, [...walks, to], apply, [x, y, z]);
    },
  });
}

function combineRows(
  shape: readonly number[],
  walks: Parameters<typeof rowLoop>[1],
  apply: Binary,
  [x, y, z]: readonly [Numbers, Numbers, Numbers],
): void {
  const { count, steps: [xStep = 0, yStep = 0], eachRow } = rowLoop(shape, walks);
  eachRow(([xStart = 0, yStart = 0, start = 0]) => {
    for (let i = 0; i < count; i++) {
      z[start + i] = apply(x[xStart + i * xStep] ?? 0, y[yStart + i * yStep] ?? 0);
    }
  });
}

/** Of whole numbers, as all are where shapes are computed. */
function quotient(site: Site): Value {
  const [a, b] = [site.input(0), site.input(1)];
  const isWhole = a.kind === "int" && b.kind === "int";
  const apply: Binary = isWhole ? (x, y) => Math.trunc(x / y) : (x, y) => x / y;
  return arithmetic(site, apply, binaryFormula("div"), (number) => ({
    scale: 1 / number,
    shift: 0,
  }));
}

/** What an operation with a number on its right is to its left side. */
type AsAffine = (number: number) => { readonly scale: number; readonly shift: number };

function arithmetic(site: Site, apply: Binary, formula: Formula, asAffine: AsAffine): Value {
  const meaning = affineMeaning(site, 1, asAffine);
  return binary(site, apply, { meaning, formula });
}

/** The same for operations whose sides may be exchanged; a sum of two values is more than that. */
function symmetric(site: Site, apply: Binary, formula: Formula, asAffine: AsAffine): Value {
  const meaning = affineMeaning(site, 1, asAffine) ?? affineMeaning(site, 0, asAffine);
  return binary(site, apply, { meaning, formula });
}

function sum(site: Site): Value {
  const [a, b] = [site.input(0), site.input(1)];
  const isPlain = !a.isConstant && !b.isConstant &&
    describeShape(a.shape) === describeShape(b.shape);
  const formula = binaryFormula("add");
  if (isPlain) return binary(site, (x, y) => x + y, { meaning: { kind: "add" }, formula });
  return symmetric(site, (x, y) => x + y, formula, (number) => ({ scale: 1, shift: number }));
}

/** Affine maps by the constants that they are of: the same constant gives the same map. */
const affines = new WeakMap<Numbers, Map<string, Affine>>();

/** What an operation is where one side is known and has a number for each channel of the other. */
function affineMeaning(site: Site, known: 0 | 1, asAffine: AsAffine): Meaning | null {
  const constant = site.input(known);
  const other = site.input(1 - known);
  if (!constant.isConstant || other.isConstant || other.shape.length < 2) return null;
  const [, channels = 0, ...spatial] = other.shape;
  const { shape, data } = constant;
  const missing = other.shape.length - shape.length;
  if (missing < 0) return null;
  const sizes = other.shape.map((_, axis) => shape[axis - missing] ?? 1);
  const isPerChannel = sizes.every((size, axis) => size === 1 || axis === 1 && size === channels);
  if (!isPerChannel || spatial.length === 0 && channels === 0) return null;
  const key = `${site.node.operator} ${channels}`;
  const all = affines.get(data) ?? new Map<string, Affine>();
  affines.set(data, all);
  const made = all.get(key) ??
    affineOf(channels, (c) => asAffine(data[data.length > 1 ? c : 0] ?? 0));
  all.set(key, made);
  return { kind: "affine", affine: made };
}

function affineOf(channels: number, of: (channel: number) => ReturnType<AsAffine>): Affine {
  const scale = new Float32Array(channels);
  const shift = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const at = of(c);
    scale[c] = at.scale;
    shift[c] = at.shift;
  }
  return { scale, shift };
}

/** An operation over any number of inputs, from left to right. */
function variadic(site: Site, apply: Binary, formula: Formula): Value {
  const [first, ...others] = site.inputs;
  if (first === undefined) return site.fail("there is no input");
  return others.reduce<Value>(
    (sum, value) => combined(site, sum, value, apply, { formula }),
    first,
  );
}

function mean(site: Site): Value {
  const total = variadic(site, (a, b) => a + b, binaryFormula("add"));
  const count = site.known("float", [], [site.inputCount]);
  return combined(site, total, count, (a, b) => a / b, { formula: binaryFormula("div") });
}

/** A comparison, or another operation that makes truth values. */
function predicate(apply: (a: number, b: number) => boolean): Operator {
  return (site) => binary(site, (a, b) => Number(apply(a, b)), { kind: "bool" });
}

function where(site: Site): Value {
  const condition = site.constant(0);
  const [yes, no] = [site.input(1), site.input(2)];
  const values = [condition, yes, no];
  const shape = commonShape(site, values);
  const walks = [...values, { shape }].map((value) => ({
    start: 0,
    steps: broadcastSteps(value.shape, shape),
  }));
  return site.map({
    inputs: values,
    shape,
    kind: yes.kind,
    compute: ([c, a, b], z) => {
      const { count, steps, eachRow } = rowLoop(shape, walks);
      const [cStep = 0, aStep = 0, bStep = 0] = steps;
      eachRow(([cStart = 0, aStart = 0, bStart = 0, start = 0]) => {
        for (let i = 0; i < count; i++) {
          const isYes = c?.[cStart + i * cStep] !== 0;
          z[start + i] = (isYes ? a?.[aStart + i * aStep] : b?.[bStart + i * bStep]) ?? 0;
        }
      });
    },
  });
}

function modulo(site: Site): Value {
  if (site.number("fmod", 0) !== 0) return binary(site, (a, b) => a % b);
  return binary(site, (a, b) => a - b * Math.floor(a / b));
}

/** Numbers of another kind; whole ones are cut off. */
function cast(site: Site): Value {
  const input = site.input(0);
  const kind = CAST_KINDS.get(site.number("to", 1)) ??
    site.fail(`numbers do not become those of type ${site.number("to", 1)}`);
  if (!input.isConstant && kind === "float") return input;
  const of: Record<ElementKind, Unary> = {
    float: (x) => x,
    int: Math.trunc,
    bool: (x) => Number(x !== 0),
  };
  const apply = of[kind];
  return site.map({
    inputs: [input],
    shape: input.shape,
    kind,
    compute: ([x], y) => y.forEach((_, i) => y[i] = apply(x?.[i] ?? 0)),
  });
}

/** The numbers of `TensorProto.DataType` that there are kinds for. */
const CAST_KINDS: ReadonlyMap<number, ElementKind> = new Map([
  ...[1, 10, 11, 16].map((type) => [type, "float"] as const),
  ...[2, 3, 4, 5, 6, 7, 12, 13].map((type) => [type, "int"] as const),
  [9, "bool"],
]);

/** The operators. */
export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Relu: (site) => activated(site, RELU, (x) => x < 0 ? 0 : x, clipping(0, Infinity)),
  LeakyRelu: (site) => leakyRelu(site, site.number("alpha", 0.01)),
  PRelu: parametricRelu,
  Clip: clip,
  Sigmoid: (site) => applied(site, sigmoid, SIGMOID),
  Tanh: (site) => applied(site, Math.tanh, TANH),
  HardSigmoid: (site) => {
    const [alpha, beta] = [site.number("alpha", 0.2), site.number("beta", 0.5)];
    return applied(site, hardSigmoid(alpha, beta), hardSigmoidFormula(alpha, beta));
  },
  HardSwish: (site) => {
    const gate = hardSigmoid(1 / 6, 0.5);
    return applied(site, (x) => x * gate(x), hardSwishFormula(1 / 6, 0.5));
  },
  Elu: elu,
  Selu: selu,
  Gelu: gelu,
  Mish: (site) => applied(site, (x) => x * Math.tanh(softplus(x))),
  Softplus: (site) => applied(site, softplus),
  Softsign: (site) => applied(site, (x) => x / (1 + Math.abs(x))),
  Exp: (site) => applied(site, Math.exp, EXP),
  Log: (site) => applied(site, Math.log),
  Sqrt: (site) => applied(site, Math.sqrt),
  Reciprocal: (site) => applied(site, (x) => 1 / x, RECIPROCAL),
  Erf: (site) => applied(site, errorFunction, ERF),
  Neg: (site) => applied(site, (x) => -x, times(-1)),
  Abs: (site) => applied(site, Math.abs, ABSOLUTE),
  Sign: (site) => applied(site, Math.sign),
  Floor: (site) => applied(site, Math.floor),
  Ceil: (site) => applied(site, Math.ceil),
  Round: (site) => applied(site, roundHalfEven),
  Sin: (site) => applied(site, Math.sin),
  Cos: (site) => applied(site, Math.cos),
  Not: (site) => applied(site, (x) => Number(x === 0)),
  Add: sum,
  Sub: (site) =>
    arithmetic(
      site,
      (x, y) => x - y,
      binaryFormula("sub"),
      (number) => ({ scale: 1, shift: -number }),
    ),
  Mul: (site) =>
    symmetric(
      site,
      (x, y) => x * y,
      binaryFormula("mul"),
      (number) => ({ scale: number, shift: 0 }),
    ),
  Div: quotient,
  Pow: (site) => binary(site, Math.pow),
  Mod: modulo,
  Sum: (site) =>
    site.inputCount === 2 ? sum(site) : variadic(site, (a, b) => a + b, binaryFormula("add")),
  Max: (site) => variadic(site, Math.max, binaryFormula("max")),
  Min: (site) => variadic(site, Math.min, binaryFormula("min")),
  Mean: mean,
  Equal: predicate((a, b) => a === b),
  Less: predicate((a, b) => a < b),
  LessOrEqual: predicate((a, b) => a <= b),
  Greater: predicate((a, b) => a > b),
  GreaterOrEqual: predicate((a, b) => a >= b),
  And: predicate((a, b) => a !== 0 && b !== 0),
  Or: predicate((a, b) => a !== 0 || b !== 0),
  Xor: predicate((a, b) => (a !== 0) !== (b !== 0)),
  Where: where,
  Cast: cast,
};
