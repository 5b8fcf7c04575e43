import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { reference } from "../../src/convolution/formula.ts";
import { Conv2d } from "../../src/layers/conv.ts";
import type { ConvTransposeOptions } from "../../src/layers/options.ts";
import { ConvTranspose1d, ConvTranspose2d } from "../../src/layers/conv_transpose.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, operandsOf, relativeError } from "../_arbitrary.ts";
import { CONV_TRANSPOSES, prepare } from "./_layers.ts";

const RANKS = [1, 2, 3] as const;

/** A case of a size that shows every border, for one rank. */
function convTranspose(
  rank: 1 | 2 | 3,
  options: ConvTransposeOptions,
  changes: Partial<LayerCase> = {},
): LayerCase {
  return {
    transposed: true,
    rank,
    batch: 2,
    inChannels: 4,
    outChannels: 6,
    spatial: [4, 5, 6].slice(3 - rank),
    kernelSize: [3, 2, 4].slice(3 - rank),
    bias: true,
    options,
    seed: 1,
    ...changes,
  };
}

const EVERY_OPTION: Record<string, ConvTransposeOptions> = {
  "no option": {},
  "a stride": { stride: 2 },
  "a stride larger than the kernel": { stride: 5 },
  "a padding": { padding: 2 },
  "a dilation": { dilation: 2 },
  "two groups": { groups: 2 },
  "an output padding under the stride": { stride: 3, outputPadding: 2 },
  "an output padding under the dilation": { dilation: 3, outputPadding: 2 },
  '"valid"': { padding: "valid", stride: 2 },
  '"same"': { padding: "same" },
  '"same" with stride 3': { padding: "same", stride: 3 },
  '"same" with stride 5 and a dilation': { padding: "same", stride: 5, dilation: 2 },
  '"same" with an output padding': { padding: "same", stride: 2, outputPadding: 1 },
  "groups with a stride and a dilation": { groups: 2, stride: 2, dilation: 3, padding: 1 },
};

/** The least stride along every axis that makes 64 stride phases. */
const MANY_PHASES = { 1: 64, 2: 8, 3: 4 } as const;

const WITH_MANY_PHASES: Record<string, ConvTransposeOptions> = {
  "no other option": {},
  "a padding at one end": { padding: [[1, 0], [1, 0], [1, 0]] },
  "an output padding": { outputPadding: 3 },
  "a dilation and two groups": { dilation: 2, groups: 2 },
};

for (const rank of RANKS) {
  for (const [name, { padding = 0, ...others }] of Object.entries(WITH_MANY_PHASES)) {
    Deno.test(`ConvTranspose${rank}d computes the formula for many stride phases with ${name}`, () => {
      const stride = MANY_PHASES[rank];
      const ends = Array.isArray(padding) ? padding.slice(3 - rank) : padding;
      for (const kernelSize of [1, stride - 1, stride, stride + 1, 2 * stride]) {
        const options = { ...others, stride, padding: kernelSize > 1 ? ends : 0 };
        const layerCase = convTranspose(rank, options, { kernelSize });
        const { forwardSync, outputShape } = prepare(layerCase);
        const output = forwardSync();
        const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
        assertEquals(output.shape, outputShape);
        assert(relativeError(output.data, expected) <= 1e-5);
      }
    });
  }

  for (const [name, options] of Object.entries(EVERY_OPTION)) {
    Deno.test(`ConvTranspose${rank}d computes the formula with ${name}`, () => {
      const layerCase = convTranspose(rank, options);
      const { forwardSync, outputShape, shape } = prepare(layerCase);
      const output = forwardSync();
      const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
      assertEquals(output.shape, outputShape);
      assertEquals(shape(), outputShape);
      assert(relativeError(output.data, expected) <= 1e-5);
      if (options.padding === "same") {
        const stride = Number(options.stride ?? 1);
        assertEquals(output.shape.slice(2), layerCase.spatial.map((size) => size * stride));
      }
    });
  }

  Deno.test(`ConvTranspose${rank}d computes the formula with one-sided padding`, () => {
    const padding = [[0, 3], [2, 0], [1, 2]].slice(3 - rank).map(([begin = 0, end = 0]) =>
      [begin, end] as const
    );
    const layerCase = convTranspose(rank, { padding, stride: 2 });
    const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
    assert(relativeError(prepare(layerCase).forwardSync().data, expected) <= 1e-5);
  });

  Deno.test(`ConvTranspose${rank}d computes the formula without a bias, channel by channel`, () => {
    const changes = { bias: false, inChannels: 5, outChannels: 5 };
    const layerCase = convTranspose(rank, { groups: 5, stride: 2, padding: 1 }, changes);
    const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
    assert(relativeError(prepare(layerCase).forwardSync().data, expected) <= 1e-5);
  });

  Deno.test(`ConvTranspose${rank}d.forward() keeps unbatched and empty inputs so`, async () => {
    const layer = new CONV_TRANSPOSES[rank](4, 6, 3, { stride: 2, seed: 0 });
    const shape = [4, ...new Array(rank).fill(5)];
    const input = Tensor.randn(shape, { seed: 5 });
    const one = await layer.forward(input);
    const many = await layer.forward(input.reshape([1, ...shape]));
    assertEquals([1, ...one.shape], many.shape);
    assertEquals(one.data, many.data);
    const none = await layer.forward(Tensor.zeros([0, ...shape]));
    assertEquals(none.shape, [0, ...one.shape]);
  });

  Deno.test(`ConvTranspose${rank}d.forward() takes an outputSize in every form`, async () => {
    const layer = new CONV_TRANSPOSES[rank](4, 6, 3, { stride: 2, padding: 1 });
    const input = Tensor.randn([2, 4, ...new Array(rank).fill(5)]);
    for (const size of [9, 10]) {
      const spatial: number[] = new Array(rank).fill(size);
      for (const outputSize of [size, spatial, [2, 6, ...spatial]]) {
        const output = await layer.forward(input, { outputSize });
        assertEquals(output.shape, [2, 6, ...spatial]);
        assertEquals(layer.outputShape(input.shape, { outputSize }), output.shape);
        assertEquals(layer.forwardSync(input, { outputSize }).data, output.data);
      }
    }
    const one = new Tensor(input.data.slice(0, input.size / 2), input.shape.slice(1));
    const outputSize = [6, ...new Array(rank).fill(10)];
    assertEquals((await layer.forward(one, { outputSize })).shape, outputSize);
  });
}

Deno.test("ConvTranspose2d.forward() says which output sizes are possible", async () => {
  const layer = new ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1 });
  const input = Tensor.zeros([1, 4, 5, 5]);
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [8, RangeError, "ConvTranspose2d: outputSize must be from 9 to 10 on spatial axis 0, but is 8"],
    [[9, 11], RangeError, "must be from 9 to 10 on spatial axis 1, but is 11"],
    [[1, 6, 10, 12], RangeError, "must be from 9 to 10 on spatial axis 1, but is 12"],
    [[9], RangeError, "must have the 2 spatial sizes or all 4 sizes of the output, but is [9]"],
    [[6, 9, 9], RangeError, "must have the 2 spatial sizes or all 4 sizes"],
    [[9, "9"], TypeError, 'outputSize[1] must be a number, but is "9"'],
    ["9", TypeError, "outputSize must be a number or an array"],
    [null, TypeError, "outputSize must be a number or an array"],
    [[9.5, 9], RangeError, "outputSize[0] must be an integer"],
  ];
  for (const [outputSize, kind, message] of cases) {
    const options = { outputSize } as { outputSize: number };
    assertThrows(() => layer.forwardSync(input, options), kind, message);
    await assertRejects(() => layer.forward(input, options), kind, message);
    assertThrows(() => layer.outputShape(input.shape, options), kind, message);
  }
  assertThrows(
    () => layer.forwardSync(input, { output_size: 9 } as never),
    TypeError,
    'ConvTranspose2d: unknown option "output_size", did you mean "outputSize"?',
  );
  await assertRejects(() => layer.forward(input, 9 as never), TypeError, "must be an object");
});

Deno.test("ConvTranspose2d.forward() sees that an outputSize array has changed", () => {
  const layer = new ConvTranspose2d(1, 1, 3, { stride: 2, padding: 1 });
  const input = Tensor.zeros([1, 5, 5]);
  const outputSize = [9, 9];
  assertEquals(layer.forwardSync(input, { outputSize }).shape, [1, 9, 9]);
  outputSize[1] = 10;
  assertEquals(layer.forwardSync(input, { outputSize }).shape, [1, 9, 10]);
  assertEquals(layer.forwardSync(input).shape, [1, 9, 9]);
});

Deno.test('ConvTranspose2d gives back any size that a "same" convolution took', async () => {
  const down = new Conv2d(1, 1, 4, { stride: 3, padding: "same" });
  const up = new ConvTranspose2d(1, 1, 4, { stride: 3, padding: "same" });
  for (const size of [10, 11, 12]) {
    const x = Tensor.randn([1, 1, size, size]);
    const y = await up.forward(await down.forward(x), { outputSize: x.shape });
    assertEquals(y.shape, x.shape);
  }
});

Deno.test("ConvTranspose1d says what is wrong with its options", () => {
  const build = (options: unknown) => () =>
    new ConvTranspose1d(4, 4, 3, options as ConvTransposeOptions);
  assertThrows(
    build({ paddingMode: "zeros" }),
    TypeError,
    'ConvTranspose1d: unknown option "paddingMode" (valid options: stride, padding, ' +
      "outputPadding, dilation, groups, bias, activation, negativeSlope, algorithm, seed, engine)",
  );
  assertThrows(
    build({ outputPadding: 1 }),
    RangeError,
    "ConvTranspose1d: outputPadding must be less than stride or dilation",
  );
  assertThrows(build({ padding: "full" }), RangeError, 'a size, "valid" or "same"');
});

Deno.test("ConvTranspose2d has the getters of its options", () => {
  const layer = new ConvTranspose2d(16, 32, 3, { stride: 2, outputPadding: [0, 1], groups: 4 });
  assertEquals(layer.outputPadding, [0, 1]);
  assertEquals(layer.weight.shape, [16, 8, 3, 3]);
  assertEquals(layer.bias?.shape, [32]);
  assertEquals(
    Deno.inspect(layer),
    "ConvTranspose2d(16, 32, kernelSize=[3, 3], stride=[2, 2], outputPadding=[0, 1], groups=4)",
  );
});
