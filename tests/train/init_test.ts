import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Conv2d } from "../../src/layers/conv.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { fansOf } from "../../src/train/fan.ts";
import * as init from "../../src/train/init.ts";
import { orthonormalize } from "../../src/train/orthogonal.ts";
import { assertNear, TORCH } from "./_torch_reference.ts";

type Fill = (target: Tensor, options: init.SeedOptions) => Tensor;

const FILLS = {
  kaimingUniform: init.kaimingUniform,
  kaimingNormal: init.kaimingNormal,
  xavierUniform: init.xavierUniform,
  xavierNormal: init.xavierNormal,
  uniform: init.uniform,
  normal: init.normal,
  truncatedNormal: init.truncatedNormal,
  orthogonal: init.orthogonal,
} as const satisfies Readonly<Record<string, Fill>>;

function momentsOf(data: Float32Array) {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  const low = data.reduce((a, b) => Math.min(a, b), Infinity);
  const high = data.reduce((a, b) => Math.max(a, b), -Infinity);
  return { mean, std: Math.sqrt(variance), low, high };
}

for (const { name, options, shape, ...torch } of TORCH.init.moments) {
  Deno.test(`init.${name}() is distributed as PyTorch's: ${JSON.stringify(options)}`, () => {
    const fill: Fill = FILLS[name];
    const { data } = fill(Tensor.zeros(shape), { ...options, seed: 1 });
    const found = momentsOf(data);
    // Both are samples of 360,000: the mean is off by a 600th of the deviation, and rarely by five times that.
    assertAlmostEquals(found.mean, torch.mean, torch.std / 100);
    assertAlmostEquals(found.std, torch.std, torch.std / 100);
    if (/normal$/i.test(name) && name !== "truncatedNormal") return;
    assertAlmostEquals(found.low, torch.low, torch.std / 1000);
    assertAlmostEquals(found.high, torch.high, torch.std / 1000);
  });
}

for (const { shape, fans } of TORCH.init.fans) {
  Deno.test(`The fans of a weight of shape [${shape}] are PyTorch's`, () => {
    const { fanIn, fanOut } = fansOf("test", shape);
    assertEquals([fanIn, fanOut], fans);
  });
}

for (const { nonlinearity, slope, gain } of TORCH.init.gains) {
  Deno.test(`init.calculateGain(${nonlinearity}, ${slope}) is PyTorch's`, () => {
    const found = slope === null
      ? init.calculateGain(nonlinearity)
      : init.calculateGain(nonlinearity, slope);
    assertAlmostEquals(found, gain, 1e-15);
  });
}

for (const { shape, groups, values } of TORCH.init.diracs) {
  Deno.test(`init.dirac() is PyTorch's: shape [${shape}], ${groups} groups`, () => {
    const target = Tensor.full(shape, 7);
    assertEquals([...init.dirac(target, { groups }).data], values);
  });
}

Deno.test("orthonormalize() gives the rows that PyTorch's QR decomposition gives", () => {
  const { rows, units } = TORCH.init.orthogonal;
  const found = rows.map((row) => Float64Array.from(row));
  orthonormalize(found);
  found.forEach((row, index) => assertNear(row, units[index] ?? [], `row ${index}`));
});

Deno.test("orthonormalize() of rows that nearly are one stays orthogonal", () => {
  const rows = Array.from(
    { length: 6 },
    (_, i) => Float64Array.from({ length: 9 }, (_, j) => 1 + 1e-7 * Math.sin(5 * i * j + i + 1)),
  );
  orthonormalize(rows);
  rows.forEach((a, i) =>
    rows.forEach((b, j) => {
      const dot = a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0);
      assertAlmostEquals(dot, i === j ? 1 : 0, 1e-14);
    })
  );
});

for (const shape of [[8, 8], [5, 3, 3, 3], [60, 4, 3], [1, 7], [7, 1]]) {
  Deno.test(`init.orthogonal() is orthogonal: shape [${shape}]`, () => {
    const { data } = init.orthogonal(Tensor.zeros(shape), { gain: 2, seed: 3 });
    const [rows = 0] = shape;
    const columns = data.length / rows;
    const wide = rows <= columns;
    const at = (vector: number, i: number) =>
      data[wide ? vector * columns + i : i * columns + vector] ?? NaN;
    const count = Math.min(rows, columns);
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count; b++) {
        let dot = 0;
        for (let i = 0; i < Math.max(rows, columns); i++) dot += at(a, i) * at(b, i);
        assertAlmostEquals(dot, a === b ? 4 : 0, 1e-5);
      }
    }
  });
}

for (const [name, fill] of Object.entries<Fill>(FILLS)) {
  Deno.test(`init.${name}() fills in the same values for the same seed`, () => {
    const filled = [5, 5, 6].map((seed) => fill(Tensor.zeros([4, 3, 3, 3]), { seed }).data);
    assertEquals(filled[0], filled[1]);
    assertNotEquals(filled[0], filled[2]);
  });
}

Deno.test("init functions take a layer's parameters and return them", () => {
  const layer = new Conv2d(2, 3, 3);
  const parameters = layer.parameters();
  const before = layer.weight.data;
  assertStrictEquals(init.kaimingNormal(layer.weight, { seed: 0 }), layer.weight);
  assertStrictEquals(layer.weight.data, before);
  const expected = init.kaimingNormal(Tensor.zeros(layer.weight.shape), { seed: 0 });
  assertEquals(before, expected.data);
  for (const [fill, value] of [[init.ones, 1], [init.zeros, 0]] as const) {
    for (const parameter of parameters) {
      assertStrictEquals(fill(parameter), parameter);
      assert(parameter.data.every((found) => found === value));
    }
  }
});

Deno.test("init.truncatedNormal() stays between its bounds wherever they lie", () => {
  const bounds = [[3, 3.5], [-1e3, -20], [40, 1e200], [1e200, 1e300], [0.5, 0.5], [-1e-9, 1e-9]];
  for (const [low = 0, high = 0] of bounds) {
    const { data } = init.truncatedNormal(Tensor.zeros([50]), { low, high, seed: 0 });
    assert(
      data.every((value) => value >= Math.fround(low) && value <= Math.fround(high)),
      `${low}`,
    );
  }
  const { data } = init.truncatedNormal(Tensor.zeros([4000]), { low: 20, high: 1e6, seed: 0 });
  // The mean of the tail is 20 + 1 / 20 - 2 / 20^3 ...
  assertAlmostEquals(momentsOf(data).mean, 20.05, 0.005);
  const tiny = init.truncatedNormal(Tensor.zeros([5]), { std: 1e-310, low: 1, high: 2, seed: 0 });
  assertEquals([...tiny.data], [1, 1, 1, 1, 1]);
});

Deno.test("init functions keep an empty weight empty", () => {
  for (const fill of Object.values<Fill>(FILLS)) {
    assertEquals(fill(Tensor.zeros([0, 3, 2]), {}).size, 0);
    assertEquals(fill(Tensor.zeros([3, 0, 2]), {}).size, 0);
  }
  assertEquals(init.dirac(Tensor.zeros([2, 2, 0])).size, 0);
});

Deno.test("init functions say what is wrong", () => {
  const weight = Tensor.zeros([4, 3, 3]);
  const vector = Tensor.zeros([4]);
  const wrong: readonly [() => unknown, string][] = [
    [() => init.zeros(JSON.parse("[1]")), "zeros(): target must be a Parameter or a Tensor"],
    [
      () => init.constant(weight, JSON.parse('"1"')),
      'constant(): value must be a number, but is "1"',
    ],
    [() => init.kaimingUniform(vector), "kaimingUniform(): the weight must have at least 2 axes"],
    [() => init.xavierNormal(vector), "xavierNormal(): the weight must have at least 2 axes"],
    [() => init.orthogonal(vector), "orthogonal(): the weight must have at least 2 axes"],
    [() => init.dirac(vector), "dirac(): the weight must have 3, 4 or 5 axes, but has shape [4]"],
    [() => init.dirac(weight, { groups: 3 }), "must be a multiple of the 3 groups, but is 4"],
    [() => init.kaimingNormal(weight, JSON.parse('{"mode":"fan_in"}')), "mode must be one of"],
    [
      () => init.kaimingNormal(weight, JSON.parse('{"nonlinearity":"gelu"}')),
      "nonlinearity must be",
    ],
    [() => init.uniform(weight, { low: 2 }), "low must not be above high, but they are 2 and 1"],
    [() => init.normal(weight, { std: -1 }), "normal(): std must be finite, at least 0, but is -1"],
    [() => init.truncatedNormal(weight, { std: 0 }), "truncatedNormal(): std must be above 0"],
    [() => init.normal(weight, { seed: -1 }), "normal(): seed must be an integer of at least 0"],
    [() => init.normal(weight, JSON.parse('{"sd":1}')), 'normal(): unknown option "sd"'],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
});
