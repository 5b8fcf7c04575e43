import * as fc from "fast-check";
import {
  type Attributes,
  drawn,
  floatList,
  floats,
  intList,
  ints,
  modelOf,
  node,
  text,
} from "../_models.ts";
import { compareModels, compareSingles, given, known, listOf, type Single } from "./_single.ts";

const COORDINATES = [
  "asymmetric",
  "half_pixel",
  "pytorch_half_pixel",
  "align_corners",
  "tf_half_pixel_for_nn",
  "half_pixel_symmetric",
] as const;

const ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;

/** Those that are exact in 32 bits, and those that are not. */
const scale = fc.constantFrom(0.3, 0.5, 0.75, 1, 1, 1.1, 1.5, 2, 2.6, 3, 4);

const configurations = fc.integer({ min: 1, max: 3 }).chain((rank) =>
  fc.record({
    opset: fc.constantFrom(11, 13, 18, 19),
    channels: listOf(2, 1, 3),
    spatial: listOf(rank, 1, 7),
    scales: fc.array(scale, { minLength: rank, maxLength: rank }),
    isSized: fc.boolean(),
    coordinates: fc.option(fc.constantFrom(...COORDINATES)),
    rounding: fc.option(fc.constantFrom(...ROUNDINGS)),
    areAxesStated: fc.boolean(),
    seed: fc.nat(),
  })
);

type Drawn = typeof configurations extends fc.Arbitrary<infer Value> ? Value : never;

/** Since when there are coordinates of a kind. */
function hasCoordinates({ opset, coordinates }: Drawn): boolean {
  if (coordinates === "half_pixel_symmetric") return opset >= 19;
  return coordinates !== "tf_half_pixel_for_nn" || opset < 13;
}

/** No output is empty. */
function isThere({ spatial, scales }: Drawn): boolean {
  return spatial.every((size, axis) => Math.floor(size * Math.fround(scales[axis] ?? 1)) > 0);
}

function resizing(drawing: Drawn, attributes: Attributes): Single {
  const { opset, channels, spatial, scales, isSized, coordinates, areAxesStated, seed } = drawing;
  const shape = [...channels, ...spatial];
  const sizes = spatial.map((size, axis) => Math.floor(size * Math.fround(scales[axis] ?? 1)));
  const areSome = areAxesStated && opset >= 18;
  const axes = spatial.map((_, axis) => areSome ? axis - spatial.length : axis + 2);
  const x = given(drawn(shape, seed));
  const inputs = isSized
    ? [x, null, null, known(ints(areSome ? sizes : [...channels, ...sizes]))]
    : [x, null, known(floats(areSome ? scales : [1, 1, ...scales]))];
  // Version 11 has no input that is left out: it is empty.
  const none = known(floats([]));
  return {
    operator: "Resize",
    opset,
    inputs: opset < 13 ? inputs.map((input) => input ?? none) : inputs,
    attributes: {
      ...attributes,
      ...(coordinates === null ? {} : { coordinate_transformation_mode: text(coordinates) }),
      ...(areSome ? { axes: intList(axes) } : {}),
    },
  };
}

Deno.test("Resize takes the nearest elements that ONNX Runtime takes", async () => {
  const singles = configurations.filter((drawing) => hasCoordinates(drawing) && isThere(drawing))
    .map((drawing) => {
      const { rounding } = drawing;
      return resizing(drawing, rounding === null ? {} : { nearest_mode: text(rounding) });
    });
  await compareSingles(singles, 300);
});

Deno.test("Resize interpolates linearly as ONNX Runtime does", async () => {
  const singles = configurations.filter((drawing) =>
    hasCoordinates(drawing) && isThere(drawing) && drawing.coordinates !== "tf_half_pixel_for_nn"
  ).map((drawing) => resizing(drawing, { mode: text("linear") }));
  await compareSingles(singles, 200, { tolerance: 1e-5 });
});

Deno.test("Resize of version 10 computes what ONNX Runtime does", async () => {
  const singles = fc.tuple(configurations.filter(isThere), fc.constantFrom("nearest", "linear"))
    .map(([{ channels, spatial, scales, seed }, mode]): Single => ({
      operator: "Resize",
      opset: 10,
      inputs: [
        given(drawn([...channels, ...spatial], seed)),
        known(floats([1, 1, ...scales])),
      ],
      attributes: { mode: text(mode) },
    }));
  await compareSingles(singles, 60);
});

Deno.test("Upsample computes what ONNX Runtime does, with scales as an attribute and as an input", async () => {
  const singles = fc.record({
    drawing: configurations,
    opset: fc.constantFrom(7, 9),
    mode: fc.constantFrom(null, "nearest", "linear"),
  }).map(({ drawing: { channels, spatial, scales, seed }, opset, mode }): Single => {
    const all = [1, 1, ...scales.map((scale) => Math.max(1, scale))];
    const x = given(drawn([...channels, ...spatial], seed));
    return {
      operator: "Upsample",
      opset,
      inputs: opset < 9 ? [x] : [x, known(floats(all))],
      attributes: {
        ...(opset < 9 ? { scales: floatList(all) } : {}),
        ...(mode === null ? {} : { mode: text(mode) }),
      },
    };
  });
  await compareSingles(singles, 60);
});

Deno.test("Resize keeps the proportions as ONNX Runtime does", async () => {
  const singles = fc.record({
    policy: fc.constantFrom("not_larger", "not_smaller"),
    mode: fc.constantFrom("nearest", "linear"),
    spatial: listOf(2, 1, 7),
    sizes: listOf(2, 1, 12),
    seed: fc.nat(),
  }).map(({ policy, mode, spatial, sizes, seed }): Single => ({
    operator: "Resize",
    opset: 18,
    inputs: [given(drawn([2, 1, ...spatial], seed)), null, null, known(ints(sizes))],
    attributes: {
      mode: text(mode),
      keep_aspect_ratio_policy: text(policy),
      axes: intList([2, 3]),
    },
  }));
  await compareSingles(singles, 60);
});

Deno.test("Resize takes the nearest elements that ONNX Runtime takes from sizes to sizes", async () => {
  const models = fc.record({
    size: fc.integer({ min: 1, max: 50 }),
    outputs: fc.integer({ min: 1, max: 120 }),
    coordinates: fc.constantFrom(...COORDINATES.filter((kind) => kind !== "tf_half_pixel_for_nn")),
  }).map(({ size, outputs, coordinates }) => {
    const nodes = ROUNDINGS.map((rounding) =>
      node("Resize", ["x", "", "", "sizes"], [rounding], {
        coordinate_transformation_mode: text(coordinates),
        nearest_mode: text(rounding),
      })
    );
    const data = Float32Array.from({ length: size }, (_, i) => i);
    const constants = { sizes: ints([1, 1, outputs]) };
    const model = modelOf({ opset: 19, nodes, constants, inputs: { x: null }, outputs: ROUNDINGS });
    return { model, call: { x: { shape: [1, 1, size], data } } };
  });
  await compareModels(models, 150);
});
