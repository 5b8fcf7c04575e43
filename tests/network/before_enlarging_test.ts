import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { product } from "../../src/base/numbers.ts";
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
} from "../../src/io/models/onnx/model.ts";
import { beforeEnlarging } from "../../src/network/before_enlarging.ts";
import { networkOf } from "../../src/network/network.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode {
  const entries = new Map(Object.entries(attributes));
  return { name: output, operator, domain: "", inputs, outputs: [output], attributes: entries };
}

function constant(shape: readonly number[], seed: number): OnnxTensor {
  const { data } = Tensor.uniform(shape, { low: -1, high: 1, seed });
  return { kind: "float", shape, data };
}

interface Case {
  readonly block: number;
  readonly kernel: readonly [number, number];
  readonly channels: readonly [number, number];
  readonly size: readonly [number, number];
  readonly hasBias: boolean;
}

const SAME: OnnxAttribute = { kind: "string", value: "SAME_UPPER" };

/** An enlargement and a convolution. */
function modelOf(
  { block, kernel, channels: [from, to], hasBias }: Case,
  more: Readonly<Record<string, OnnxAttribute>> = {},
  others: readonly OnnxNode[] = [],
): OnnxModel {
  const scales: OnnxTensor = {
    kind: "float",
    shape: [4],
    data: Float32Array.of(1, 1, block, block),
  };
  const initializers = new Map([
    ["scales", scales],
    ["weight", constant([to, from, ...kernel], 1)],
    ...hasBias ? [["bias", constant([to], 2)] as const] : [],
  ]);
  const operands = ["large", "weight", ...hasBias ? ["bias"] : []];
  const nodes = [
    node("Upsample", ["x", "scales"], "large"),
    node("Conv", operands, "y", { auto_pad: SAME, ...more }),
    ...others,
  ];
  return {
    opsets: new Map([["", 9]]),
    graph: {
      name: "",
      nodes,
      initializers,
      inputs: [{ name: "x", kind: "float", shape: null }],
      outputs: [{ name: "y", kind: "float", shape: null }],
    },
  };
}

const CASES: fc.Arbitrary<Case> = fc.record({
  block: fc.integer({ min: 2, max: 5 }),
  kernel: fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })),
  channels: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
  hasBias: fc.boolean(),
});

Deno.test("A convolution before an enlargement does what it does behind it", () => {
  fc.assert(
    fc.property(CASES, (example) => {
      const model = modelOf(example);
      const exchanged = beforeEnlarging(model);
      assertEquals(exchanged.graph.nodes.map(({ operator }) => operator), ["Conv", "DepthToSpace"]);
      const x = Tensor.uniform([2, example.channels[0], ...example.size], { low: -1, seed: 3 });
      const run = (model: OnnxModel) =>
        networkOf("test", model, {}).forwardSync(x)["y"] ?? Tensor.zeros([0]);
      const [actual, expected] = [run(exchanged), run(model)];
      assertEquals(actual.shape, expected.shape);
      const error = Math.max(
        ...expected.data.map((value, i) => Math.abs(value - (actual.data[i] ?? NaN))),
      );
      assert(error <= 1e-6 * (1 + example.channels[0] * product(example.kernel)), String(error));
    }),
    { seed: 14, numRuns: 60 },
  );
});

const PLAIN: Case = { block: 2, kernel: [3, 3], channels: [2, 2], size: [4, 4], hasBias: true };

Deno.test("Convolutions stay behind enlargements where they cannot come before them", () => {
  const ints = (...value: number[]): OnnxAttribute => ({ kind: "ints", value });
  const models = [
    modelOf(PLAIN, { strides: ints(2, 2) }),
    modelOf(PLAIN, { dilations: ints(1, 2) }),
    modelOf({ ...PLAIN, channels: [1, 2] }, { group: { kind: "int", value: 2 } }),
    modelOf(PLAIN, { auto_pad: { kind: "string", value: "VALID" } }),
    modelOf({ ...PLAIN, block: 1 }),
    // Somebody else takes what is enlarged.
    modelOf(PLAIN, {}, [node("Relu", ["large"], "z")]),
  ];
  for (const model of models) {
    assertEquals(beforeEnlarging(model).graph.nodes, model.graph.nodes);
  }
  const { graph } = modelOf(PLAIN);
  assertStrictEquals(beforeEnlarging({ opsets: new Map(), graph }).graph.outputs, graph.outputs);
});
