import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { Engine } from "../../mod.ts";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { fuse } from "../../src/network/fuse.ts";
import { knownValues, lower } from "../../src/network/lower.ts";
import { fromOnnx } from "../../src/network/mod.ts";
import { assertFits } from "../kernels/_tester.ts";
import { draws } from "../_depth.ts";
import { mixed, TARGETS } from "../kernels/maps/_maps.ts";
import { float, floats, GraphBuilder, modelOf, node } from "./_models.ts";
import { assertSameAsOracle } from "./_oracle.ts";

/** Operators of one input, and what they are besides. */
const UNARY = [
  ["Relu", {}],
  ["LeakyRelu", { alpha: float(0.1) }],
  ["HardSigmoid", {}],
  ["HardSwish", {}],
  ["Sigmoid", {}],
  ["Tanh", {}],
  ["Elu", {}],
  ["Erf", {}],
  ["Abs", {}],
  ["Neg", {}],
] as const;

const BINARY = ["Add", "Sub", "Mul", "Max", "Min"] as const;

/** Of the channels, of all elements, or of one. */
const SHAPES = [[3, 1, 1], [2, 3, 4, 5], [1], [5]] as const;

/** Chains find registers enough, also on targets that this machine is not. */
function assertRegisters(model: OnnxModel): void {
  for (const step of fuse(lower(model, knownValues(model), [SHAPE])).steps) {
    if (step.kind !== "map") continue;
    for (const target of TARGETS) {
      const work = step.programs?.plan(target);
      if (work) assertFits({ preparation: [], phases: work.phases }, target);
    }
  }
}

const SHAPE = [2, 3, 4, 5];

Deno.test("chains of operators that go element by element compute what ONNX Runtime does", async () => {
  const links = fc.oneof(
    fc.record({ kind: fc.constant("unary" as const), index: fc.nat(UNARY.length - 1) }),
    fc.record({
      kind: fc.constant("binary" as const),
      index: fc.nat(BINARY.length - 1),
      /** An earlier value, or a constant. */
      other: fc.oneof(fc.nat(20), fc.constantFrom(-1, -2, -3, -4)),
      isFirst: fc.boolean(),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(links, { minLength: 1, maxLength: 24 }),
      fc.nat(),
      async (links, seed) => {
        const graph = new GraphBuilder(1);
        const made = ["x"];
        for (const link of links) {
          const last = made.at(-1) ?? "x";
          if (link.kind === "unary") {
            const [operator, attributes] = UNARY[link.index] ?? UNARY[0];
            made.push(graph.add(operator, [last], attributes));
            continue;
          }
          const other = link.other < 0
            ? graph.drawn(SHAPES[-1 - link.other] ?? [1])
            : made[link.other % made.length] ?? "x";
          const operands = link.isFirst ? [last, other] : [other, last];
          const sum = graph.add(BINARY[link.index] ?? "Add", operands);
          // Products do not grow.
          made.push(graph.add("Tanh", [sum]));
        }
        const model = graph.model({ x: SHAPE }, [made.at(-1) ?? "x"]);
        assertRegisters(model);
        await assertSameAsOracle(model, [{ x: { shape: SHAPE, data: mixed(120, seed) } }]);
      },
    ),
    { numRuns: draws(60), seed: 3 },
  );
});

Deno.test("a chain is one step, unless somebody else asks for what is between", () => {
  const nodes = [
    node("Sigmoid", ["x"], ["s"]),
    node("Mul", ["x", "s"], ["m"]),
    node("Add", ["m", "one"], ["y"]),
  ];
  const parts = { nodes, constants: { one: floats([1], [1]) }, inputs: { x: [1, 2, 8, 8] } };
  using engine = new Engine({ threads: 1 });
  const stepsOf = (outputs: readonly string[]) =>
    fromOnnx(encodeOnnx(modelOf({ ...parts, outputs })), { engine }).explain().steps
      .map(({ operator }) => operator);
  assertEquals(stepsOf(["y"]), ["Sigmoid + Mul + Add"]);
  assertEquals(stepsOf(["s", "y"]), ["Sigmoid", "Mul + Add"]);
  const long = Array.from(
    { length: 100 },
    (_, i) => node("Abs", [i === 0 ? "x" : `y${i}`], [`y${i + 1}`]),
  );
  const network = modelOf({ nodes: long, inputs: { x: [4] }, outputs: ["y100"] });
  const { length } = fromOnnx(encodeOnnx(network), { engine }).explain().steps;
  assert(length > 1 && length < 20);
});

Deno.test("every operator finds registers between as many constants as a chain takes", () => {
  for (const [operator, attributes] of [...UNARY, ["Gelu", {}], ["Selu", {}]] as const) {
    const graph = new GraphBuilder(1);
    let made = "x";
    for (const shape of [[1], [3, 1, 1], [5]]) {
      made = graph.add("Mul", [made, graph.drawn(shape)]);
      made = graph.add(operator, [made], attributes);
    }
    const model = graph.model({ x: SHAPE }, [made], 20);
    const { length } = fuse(lower(model, knownValues(model), [SHAPE])).steps;
    assertEquals(length, 1, operator);
    assertRegisters(model);
  }
});
