import { assertEquals } from "@std/assert";
import { fuse } from "../../src/network/fuse.ts";
import { knownValues, lower } from "../../src/network/lower.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { drawn, float, floats, GraphBuilder, int, intList, ints, text } from "./_models.ts";
import { assertSameAsOracle, ENGINES } from "./_oracle.ts";

// What exporters write for what is one operator in their own framework.

function compare(model: OnnxModel, ...shapes: readonly (readonly number[])[]): Promise<void> {
  const calls = shapes.map((shape, seed) => ({
    x: { shape, data: Float32Array.from(drawn(shape, seed).data) },
  }));
  return assertSameAsOracle(model, calls, { engines: ENGINES });
}

/** The operators of the steps that are left. */
function operators(model: OnnxModel, shape: readonly number[]): string[] {
  const { steps } = fuse(lower(model, knownValues(model), [shape]));
  return steps.map(({ operator }) => operator);
}

Deno.test("PyTorch's padding, whose sizes are turned around on the way, is followed", async () => {
  const net = new GraphBuilder(1);
  const known = (values: readonly number[]) => net.constant(ints(values));
  const stated = known([1, 2, 3, 0]);
  const zeros = net.add("ConstantOfShape", [known([4])], {
    value: { kind: "tensor", value: ints([0]) },
  });
  const all = net.add("Concat", [stated, zeros], { axis: int(0) });
  const pairs = net.add("Reshape", [all, known([-1, 2])]);
  const slices = [[-1], [-(2 ** 63)], [0], [-1]].map(known);
  const turned = net.add("Slice", [pairs, ...slices]);
  const flat = net.add("Reshape", [
    net.add("Transpose", [turned], { perm: intList([1, 0]) }),
    known([-1]),
  ]);
  const pads = net.add("Cast", [flat], { to: int(7) });
  const reflected = net.add("Pad", ["x", pads], { mode: text("reflect") });
  await compare(net.model({ x: null }, [reflected], 13), [1, 2, 5, 6], [2, 1, 4, 4]);
});

Deno.test("Sizes that are computed by floating-point numbers are followed", async () => {
  const net = new GraphBuilder(1);
  const known = (values: readonly number[]) => net.constant(ints(values));
  const shape = net.add("Shape", ["x"]);
  const spatial = net.add("Slice", [shape, known([2]), known([4])]);
  const real = net.add("Cast", [spatial], { to: int(1) });
  const scaled = net.add("Floor", [net.add("Mul", [real, net.constant(floats([1.5]))])]);
  const sizes = net.add("Cast", [scaled], { to: int(7) });
  const leading = net.add("Slice", [shape, known([0]), known([2])]);
  const all = net.add("Concat", [leading, sizes], { axis: int(0) });
  const large = net.add("Resize", ["x", "", "", all], {
    mode: text("linear"),
    coordinate_transformation_mode: text("pytorch_half_pixel"),
  });
  await compare(net.model({ x: null }, [large], 13), [1, 2, 5, 6], [2, 3, 4, 1]);
});

Deno.test("Weights that are normalised in the graph are known once it is read", async () => {
  const net = new GraphBuilder(2);
  const direction = net.drawn([8, 4, 3]);
  const length = net.add("ReduceL2", [direction], { axes: intList([1, 2]), keepdims: int(1) });
  const weight = net.add("Mul", [net.add("Div", [direction, length]), net.drawn([8, 1, 1])]);
  const y = net.add("Conv", ["x", weight, net.drawn([8])], { pads: intList([1, 1]) });
  const model = net.model({ x: ["n", 4, "t"] }, [net.add("LeakyRelu", [y], { alpha: float(0.1) })]);
  assertEquals(operators(model, [1, 4, 9]), ["Conv + LeakyRelu"]);
  await compare(model, [1, 4, 9], [3, 4, 20]);
});

Deno.test("Weights of which several convolutions are made stay those of each", async () => {
  const net = new GraphBuilder(3);
  const [weight, bias] = [net.drawn([4, 4, 3, 3]), net.drawn([4])];
  const attributes = { pads: intList([1, 1, 1, 1]) };
  const first = net.add("Conv", ["x", weight, bias], attributes);
  const scaled = net.add("Mul", [first, net.drawn([4, 1, 1])]);
  const second = net.add("Conv", [scaled, net.add("Identity", [weight]), bias], attributes);
  const third = net.add("ConvTranspose", [second, weight], attributes);
  await compare(net.model({ x: null }, [third]), [1, 4, 7, 7], [2, 4, 3, 9]);
});

Deno.test("Normalisation by groups, as instances of another shape, is followed", async () => {
  const net = new GraphBuilder(4);
  const known = (values: readonly number[]) => net.constant(ints(values));
  const groups = net.add("Reshape", ["x", known([0, 2, -1])]);
  const ones = [net.constant(floats([1, 1])), net.constant(floats([0, 0]))];
  const normal = net.add("InstanceNormalization", [groups, ...ones], { epsilon: float(1e-5) });
  const back = net.add("Reshape", [normal, net.add("Shape", ["x"])]);
  const scaled = net.add("Mul", [back, net.drawn([6, 1, 1])]);
  const model = net.model({ x: null }, [net.add("Add", [scaled, net.drawn([6, 1, 1])])]);
  await compare(model, [1, 6, 5, 4], [3, 6, 2, 2]);
});

Deno.test("Convolutions between transpositions, as of networks whose channels are last, are followed", async () => {
  const net = new GraphBuilder(5);
  const turn = (x: string, perm: readonly number[]) =>
    net.add("Transpose", [x], { perm: intList(perm) });
  const weight = turn(net.drawn([3, 3, 2, 5]), [3, 2, 0, 1]);
  const y = net.add("Conv", [turn("x", [0, 3, 1, 2]), weight], {
    auto_pad: text("SAME_UPPER"),
    strides: intList([2, 2]),
  });
  const z = net.add("Add", [turn(y, [0, 2, 3, 1]), net.drawn([5])]);
  const mean = net.add("ReduceMean", [net.add("Relu", [z])], {
    axes: intList([1, 2]),
    keepdims: int(0),
  });
  const result = net.add("Softmax", [net.add("MatMul", [mean, net.drawn([5, 3])])]);
  await compare(net.model({ x: null }, [result]), [1, 8, 7, 2], [2, 5, 5, 2]);
});

Deno.test("Attention over positions is followed", async () => {
  const net = new GraphBuilder(6);
  const known = (values: readonly number[]) => net.constant(ints(values));
  const rows = net.add("Transpose", [net.add("Reshape", ["x", known([0, 0, -1])])], {
    perm: intList([0, 2, 1]),
  });
  const project = () =>
    net.add("Add", [net.add("MatMul", [rows, net.drawn([4, 4])]), net.drawn([4])]);
  const [query, key, value] = [project(), project(), project()];
  const turned = net.add("Transpose", [key], { perm: intList([0, 2, 1]) });
  const scores = net.add("Div", [
    net.add("MatMul", [query, turned]),
    net.constant(floats([2], [])),
  ]);
  const mixed = net.add("MatMul", [net.add("Softmax", [scores], { axis: int(-1) }), value]);
  const back = net.add("Transpose", [mixed], { perm: intList([0, 2, 1]) });
  const y = net.add("Reshape", [back, net.add("Shape", ["x"])]);
  await compare(net.model({ x: null }, [net.add("Add", [y, "x"])]), [1, 4, 3, 5], [2, 4, 2, 2]);
});

Deno.test("Channels that are shuffled between groups are followed", async () => {
  const net = new GraphBuilder(7);
  const known = (values: readonly number[]) => net.constant(ints(values));
  const y = net.add("Conv", ["x", net.drawn([6, 2, 1, 1])], { group: int(3) });
  const groups = net.add("Reshape", [y, known([0, 3, 2, 4, 5])]);
  const turned = net.add("Transpose", [groups], { perm: intList([0, 2, 1, 3, 4]) });
  const shuffled = net.add("Reshape", [turned, known([0, -1, 4, 5])]);
  const z = net.add("Conv", [shuffled, net.drawn([6, 1, 3, 3])], {
    group: int(6),
    pads: intList([1, 1, 1, 1]),
  });
  await compare(net.model({ x: null }, [net.add("Relu", [z])]), [1, 6, 4, 5], [2, 6, 4, 5]);
});
