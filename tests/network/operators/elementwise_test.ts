import * as fc from "fast-check";
import type { OnnxTensor } from "../../../src/io/models/onnx/model.ts";
import {
  type Attributes,
  drawn,
  drawnPositive,
  float,
  floats,
  int,
  ints,
  modelOf,
  node,
  text,
} from "../_models.ts";
import {
  broadcastable,
  compareModels,
  compareSingles,
  given,
  known,
  shapes,
  type Single,
} from "./_single.ts";

/** The operators of one input with their attributes, and since when. */
const UNARY: Readonly<
  Record<string, { opset?: number; attributes?: readonly Attributes[]; isPositive?: true }>
> = {
  Relu: {},
  LeakyRelu: {
    attributes: [{}, { alpha: float(0.2) }, { alpha: float(-0.5) }, { alpha: float(3) }],
  },
  Sigmoid: {},
  Tanh: {},
  HardSigmoid: { attributes: [{}, { alpha: float(0.4), beta: float(0.1) }] },
  HardSwish: { opset: 14 },
  Elu: { attributes: [{}, { alpha: float(0.3) }] },
  Selu: { attributes: [{}, { alpha: float(2), gamma: float(1.5) }] },
  Gelu: {
    opset: 20,
    attributes: [{}, { approximate: text("none") }, { approximate: text("tanh") }],
  },
  Mish: { opset: 18 },
  Softplus: {},
  Softsign: {},
  Exp: {},
  Log: { isPositive: true },
  Sqrt: { isPositive: true },
  Reciprocal: {},
  Erf: { opset: 9 },
  Neg: {},
  Abs: {},
  Sign: { opset: 9 },
  Floor: {},
  Ceil: {},
  Round: { opset: 11 },
  Sin: {},
  Cos: {},
};

const OPSETS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

function opsets(least = 7): fc.Arbitrary<number> {
  return fc.constantFrom(...OPSETS.filter((opset) => opset >= least));
}

/** Numbers of every size, halves and zeros among them. */
function widely(shape: readonly number[], seed: number, isPositive: boolean): OnnxTensor {
  if (isPositive) return drawnPositive(shape, seed);
  const { data } = drawn(shape, seed, 3);
  const special = [1.5, 0, 0.5, -0.5, -1.5, 2.5, 30, -30, 100, -100];
  return floats(
    data.map((value, i) => i % 5 === 0 ? special[i / 5 % special.length] ?? 0 : value),
    shape,
  );
}

for (
  const [operator, { opset: least = 7, attributes = [{}], isPositive = false }] of Object.entries(
    UNARY,
  )
) {
  Deno.test(`${operator} computes what ONNX Runtime does`, async () => {
    const singles = fc.record({
      opset: opsets(least),
      attributes: fc.constantFrom(...attributes),
      shape: shapes(0, 4, 6),
      seed: fc.nat(),
    }).map(({ opset, attributes, shape, seed }): Single => ({
      operator,
      opset,
      attributes,
      inputs: [given(widely(shape, seed, isPositive))],
    }));
    await compareSingles(singles, 10, { tolerance: 2e-6 });
  });
}

Deno.test("Operators go on with infinities and what is no number as ONNX Runtime does", async () => {
  const x = floats([NaN, Infinity, -Infinity, 0, -0, 1e30, -1e30, 1000, -1000]);
  const singles = [
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Tanh",
    "Elu",
    "Softplus",
    "Exp",
    "Abs",
    "Floor",
    "Neg",
  ]
    .map((operator): Single => ({ operator, opset: 13, inputs: [given(x)] }));
  await compareSingles(fc.constantFrom(...singles), 40);
});

Deno.test("Clip computes what ONNX Runtime does, with either bound, both or none", async () => {
  const bound = fc.option(fc.constantFrom(-1, 0, 0.5, 6));
  const singles = fc.record({
    opset: opsets(),
    low: bound,
    high: bound,
    areKnown: fc.boolean(),
    shape: shapes(0, 4),
    seed: fc.nat(),
  }).map(({ opset, low, high, areKnown, shape, seed }): Single => {
    const x = given(drawn(shape, seed, 5));
    const scalar = (value: number | null) => {
      if (value === null) return null;
      return (areKnown ? known : given)(floats([value], []));
    };
    if (opset >= 11) return { operator: "Clip", opset, inputs: [x, scalar(low), scalar(high)] };
    // Before version 11, ONNX Runtime wants them in order.
    const isInOrder = low === null || high === null || low <= high;
    const [least, most] = isInOrder ? [low, high] : [high, low];
    return {
      operator: "Clip",
      opset,
      inputs: [x],
      attributes: {
        ...(least === null ? {} : { min: float(least) }),
        ...(most === null ? {} : { max: float(most) }),
      },
    };
  });
  await compareSingles(singles, 60);
});

Deno.test("PRelu computes what ONNX Runtime does with slopes of every shape", async () => {
  const singles = shapes(1, 4).chain((shape) =>
    fc.record({
      opset: opsets(),
      shape: fc.constant(shape),
      slope: broadcastable(shape),
      isKnown: fc.boolean(),
      seed: fc.nat(),
    })
  ).map(({ opset, shape, slope, isKnown, seed }): Single => ({
    operator: "PRelu",
    opset,
    inputs: [given(drawn(shape, seed)), (isKnown ? known : given)(drawn(slope, seed + 1))],
  }));
  await compareSingles(singles, 60);
});

/** Two inputs of shapes that are broadcast to a common one. */
function pairs(operators: readonly string[], isPositive = false): fc.Arbitrary<Single> {
  return shapes(0, 5, 4).chain((shape) =>
    fc.record({
      operator: fc.constantFrom(...operators),
      opset: opsets(8),
      shapes: fc.tuple(broadcastable(shape), broadcastable(shape)),
      kinds: fc.constantFrom("gg", "gk", "kg"),
      seed: fc.nat(),
    })
  ).map(({ operator, opset, shapes: [a, b], kinds, seed }) => {
    const draw = isPositive ? drawnPositive : drawn;
    return {
      operator,
      opset,
      inputs: [
        (kinds[0] === "g" ? given : known)(draw(a, seed)),
        (kinds[1] === "g" ? given : known)(draw(b, seed + 1)),
      ],
    };
  });
}

Deno.test("Add, Sub, Mul, Div, Max and Min compute what ONNX Runtime does on shapes that are broadcast", async () => {
  await compareSingles(pairs(["Add", "Sub", "Mul", "Div", "Max", "Min"]), 200);
});

Deno.test("Pow computes what ONNX Runtime does", async () => {
  await compareSingles(pairs(["Pow"], true), 40);
});

Deno.test("Mod of floating-point numbers computes what ONNX Runtime does", async () => {
  const singles = pairs(["Mod"]).map((single): Single => ({
    ...single,
    opset: Math.max(10, single.opset),
    attributes: { fmod: int(1) },
  }));
  await compareSingles(singles, 40);
});

Deno.test("Sum, Mean, Max and Min compute what ONNX Runtime does on any number of inputs", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      operator: fc.constantFrom("Sum", "Mean", "Max", "Min"),
      opset: opsets(8),
      shapes: fc.array(broadcastable(shape), { minLength: 1, maxLength: 4 }),
      known: fc.nat(4),
      seed: fc.nat(),
    })
  ).map(({ operator, opset, shapes, known: constant, seed }): Single => ({
    operator,
    opset,
    inputs: shapes.map((shape, i) =>
      (i === constant && i > 0 ? known : given)(drawn(shape, seed + i))
    ),
  }));
  await compareSingles(singles, 60);
});

/** Two constants of whole numbers go through a node, and the outcome is added to an input. */
function wholeNumbers(operator: string, a: readonly number[], b: readonly number[]) {
  const x = drawn([a.length], 1);
  const model = modelOf({
    nodes: [
      node(operator, ["a", "b"], ["c"]),
      node("Cast", ["c"], ["d"], { to: int(1) }),
      node("Add", ["x", "d"], ["y"]),
    ],
    constants: { a: ints(a), b: ints(b) },
    inputs: { x: x.shape },
    outputs: ["y"],
  });
  return { model, call: { x: { shape: x.shape, data: Float32Array.from(x.data) } } };
}

Deno.test("Arithmetic and comparisons of whole numbers are ONNX Runtime's", async () => {
  const operators = ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min"];
  const comparisons = ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"];
  const numbers = fc.integer({ min: -20, max: 20 });
  const models = fc.record({
    operator: fc.constantFrom(...operators, ...comparisons),
    pairs: fc.array(fc.tuple(numbers, numbers.filter((b) => b !== 0)), { minLength: 1 }),
  }).map(({ operator, pairs }) =>
    wholeNumbers(operator, pairs.map(([a]) => a), pairs.map(([, b]) => b))
  );
  await compareModels(models, 80);
});

Deno.test("Where chooses among what is computed and what is known as ONNX Runtime does", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      opset: opsets(9),
      shapes: fc.tuple(broadcastable(shape), broadcastable(shape), broadcastable(shape)),
      isKnown: fc.constantFrom([false, false], [true, false], [false, true]),
      seed: fc.nat(),
    })
  ).map(({ opset, shapes: [condition, yes, no], isKnown: [first, second], seed }): Single => {
    const { data } = drawn(condition, seed);
    const truths = Float64Array.from(data, (value) => Number(value > 0));
    return {
      operator: "Where",
      opset,
      inputs: [
        known({ kind: "bool", shape: condition, data: truths }),
        (first ? known : given)(drawn(yes, seed + 1)),
        (second ? known : given)(drawn(no, seed + 2)),
      ],
    };
  });
  await compareSingles(singles, 60);
});

Deno.test("And, Or, Xor and Not of truth values choose what ONNX Runtime chooses", async () => {
  const truths = (values: readonly number[]): OnnxTensor => ({
    kind: "bool",
    shape: [values.length],
    data: Float64Array.from(values),
  });
  for (const operator of ["And", "Or", "Xor"]) {
    const x = drawn([4], 1);
    const model = modelOf({
      nodes: [
        node(operator, ["a", "b"], ["c"]),
        node("Not", ["c"], ["d"]),
        node("Where", ["d", "x", "z"], ["y"]),
      ],
      constants: { a: truths([0, 0, 1, 1]), b: truths([0, 1, 0, 1]), z: floats([0], []) },
      inputs: { x: [4] },
      outputs: ["y"],
    });
    const call = { x: { shape: x.shape, data: Float32Array.from(x.data) } };
    await compareModels(fc.constant({ model, call }), 1);
  }
});

Deno.test("Cast cuts numbers off as ONNX Runtime does", async () => {
  const values = [0, 0.4, -0.4, 1.6, -1.6, 2.5, 1e6, -3];
  for (const to of [7, 9, 1]) {
    const x = drawn([values.length], 1);
    const model = modelOf({
      nodes: [
        node("Cast", ["a"], ["b"], { to: int(to) }),
        node("Cast", ["b"], ["c"], { to: int(1) }),
        node("Cast", ["x"], ["z"], { to: int(1) }),
        node("Add", ["z", "c"], ["y"]),
      ],
      constants: { a: floats(values) },
      inputs: { x: x.shape },
      outputs: ["y"],
    });
    const call = { x: { shape: x.shape, data: Float32Array.from(x.data) } };
    await compareModels(fc.constant({ model, call }), 1);
  }
});
