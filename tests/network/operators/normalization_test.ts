import * as fc from "fast-check";
import { drawn, drawnPositive, float, int } from "../_models.ts";
import { compareSingles, given, known, shapes, type Single } from "./_single.ts";

Deno.test("BatchNormalization computes what ONNX Runtime does", async () => {
  const singles = fc.record({
    opset: fc.constantFrom(7, 9, 14, 15),
    shape: shapes(2, 5),
    epsilon: fc.constantFrom(null, 1e-3, 0.5),
    seed: fc.nat(),
  }).map(({ opset, shape, epsilon, seed }): Single => {
    const channels = [shape[1] ?? 1];
    return {
      operator: "BatchNormalization",
      opset,
      inputs: [
        given(drawn(shape, seed)),
        known(drawn(channels, seed + 1)),
        known(drawn(channels, seed + 2)),
        known(drawn(channels, seed + 3)),
        known(drawnPositive(channels, seed + 4)),
      ],
      attributes: epsilon === null ? {} : { epsilon: float(epsilon) },
    };
  });
  await compareSingles(singles, 40);
});

Deno.test("InstanceNormalization computes what ONNX Runtime does", async () => {
  const singles = fc.record({
    opset: fc.constantFrom(7, 22),
    // Of few elements, what is left of differences is mostly rounding.
    shape: shapes(3, 5).map((shape) => shape.with(2, (shape[2] ?? 1) + 7)),
    epsilon: fc.constantFrom(null, 1e-3),
    seed: fc.nat(),
  }).map(({ opset, shape, epsilon, seed }): Single => ({
    operator: "InstanceNormalization",
    opset,
    inputs: [
      given(drawn(shape, seed)),
      known(drawn([shape[1] ?? 1], seed + 1)),
      known(drawn([shape[1] ?? 1], seed + 2)),
    ],
    attributes: epsilon === null ? {} : { epsilon: float(epsilon) },
  }));
  await compareSingles(singles, 40);
});

Deno.test("LRN computes what ONNX Runtime does", async () => {
  const singles = fc.record({
    shape: fc.tuple(...[3, 9, 4, 4].map((most) => fc.integer({ min: 1, max: most }))),
    size: fc.constantFrom(1, 3, 5, 7),
    alpha: fc.constantFrom(null, 0.01, 2),
    beta: fc.constantFrom(null, 0.5),
    bias: fc.constantFrom(null, 2),
    seed: fc.nat(),
  }).map(({ shape, size, alpha, beta, bias, seed }): Single => ({
    operator: "LRN",
    opset: 13,
    inputs: [given(drawn(shape, seed))],
    attributes: {
      size: int(size),
      ...(alpha === null ? {} : { alpha: float(alpha) }),
      ...(beta === null ? {} : { beta: float(beta) }),
      ...(bias === null ? {} : { bias: float(bias) }),
    },
  }));
  await compareSingles(singles, 40);
});

Deno.test("Softmax and LogSoftmax compute what ONNX Runtime does before and after version 13", async () => {
  const singles = shapes(1, 5, 4).chain((shape) =>
    fc.record({
      operator: fc.constantFrom("Softmax", "LogSoftmax"),
      opset: fc.constantFrom(7, 11, 12, 13, 17),
      shape: fc.constant(shape),
      axis: fc.option(fc.integer({ min: -shape.length, max: shape.length - 1 })),
      factor: fc.constantFrom(1, 100),
      seed: fc.nat(),
    })
  ).filter(({ opset, shape, axis }) =>
    opset >= 13 || (axis === null ? shape.length > 1 : axis >= 0 || opset >= 11)
  ).map(({ operator, opset, shape, axis, factor, seed }): Single => ({
    operator,
    opset,
    inputs: [given(drawn(shape, seed, factor))],
    attributes: axis === null ? {} : { axis: int(axis) },
  }));
  await compareSingles(singles, 80);
});
