import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { reference } from "../../src/convolution/formula.ts";
import type { ConvOptions } from "../../src/layers/options.ts";
import { Conv1d, Conv2d, Conv3d } from "../../src/layers/conv.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, operandsOf, relativeError } from "../_arbitrary.ts";
import { CONVS, prepare } from "./_layers.ts";

const RANKS = [1, 2, 3] as const;

/** A case of a size that shows every border, for one rank. */
function conv(rank: 1 | 2 | 3, options: ConvOptions, changes: Partial<LayerCase> = {}): LayerCase {
  return {
    transposed: false,
    rank,
    batch: 2,
    inChannels: 4,
    outChannels: 6,
    spatial: [7, 8, 9].slice(3 - rank),
    kernelSize: [3, 2, 4].slice(3 - rank),
    bias: true,
    options,
    seed: 1,
    ...changes,
  };
}

const EVERY_OPTION: Record<string, ConvOptions> = {
  "no option": {},
  "a stride": { stride: 2 },
  "a padding": { padding: 3 },
  "a dilation": { dilation: 2 },
  "two groups": { groups: 2 },
  '"valid"': { padding: "valid" },
  '"same"': { padding: "same" },
  '"same" with stride 3': { padding: "same", stride: 3 },
  '"same" with a dilation': { padding: "same", dilation: 2 },
  "reflecting padding": { padding: 2, paddingMode: "reflect" },
  "replicating padding": { padding: 5, paddingMode: "replicate" },
  "circular padding": { padding: 4, paddingMode: "circular" },
  'circular "same" with stride 2': { padding: "same", stride: 2, paddingMode: "circular" },
  "groups with a dilation": { groups: 2, dilation: 2, padding: 2 },
  "groups, a stride and reflection": { groups: 2, stride: 2, padding: 1, paddingMode: "reflect" },
  "the direct algorithm": { algorithm: "direct", padding: 1 },
};

for (const rank of RANKS) {
  for (const [name, options] of Object.entries(EVERY_OPTION)) {
    Deno.test(`Conv${rank}d computes the formula with ${name}`, () => {
      const layerCase = conv(rank, options);
      const { layer, forwardSync, outputShape } = prepare(layerCase);
      const output = forwardSync();
      const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
      assertEquals(output.shape, outputShape);
      assert(relativeError(output.data, expected) <= 1e-5);
      assertEquals(layer.outputShape([2, 4, ...layerCase.spatial]), outputShape);
    });
  }

  Deno.test(`Conv${rank}d computes the formula with one-sided padding`, () => {
    const padding = [[0, 3], [2, 0], [1, 4]].slice(3 - rank).map(([begin = 0, end = 0]) =>
      [begin, end] as const
    );
    for (const paddingMode of ["zeros", "reflect", "replicate", "circular"] as const) {
      const layerCase = conv(rank, { padding, paddingMode });
      const output = prepare(layerCase).forwardSync();
      const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
      assert(relativeError(output.data, expected) <= 1e-5);
    }
  });

  Deno.test(`Conv${rank}d computes the formula without a bias`, () => {
    const layerCase = conv(rank, { padding: 1 }, { bias: false });
    const { layer, forwardSync } = prepare(layerCase);
    assertEquals(layer.bias, null);
    const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
    assert(relativeError(forwardSync().data, expected) <= 1e-5);
  });

  Deno.test(`Conv${rank}d computes the formula for each channel by itself`, () => {
    for (const multiplier of [1, 2]) {
      const channels = { inChannels: 5, outChannels: 5 * multiplier };
      const layerCase = conv(rank, { groups: 5, padding: 1 }, channels);
      const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
      assert(relativeError(prepare(layerCase).forwardSync().data, expected) <= 1e-5);
    }
  });

  Deno.test(`Conv${rank}d.forward() keeps an unbatched input unbatched`, async () => {
    const { layer } = prepare(conv(rank, {}));
    const shape = [4, ...[7, 8, 9].slice(3 - rank)];
    const input = Tensor.randn(shape, { seed: 5 });
    const [one, many] = await Promise.all([
      layer.forward(input),
      layer.forward(input.reshape([1, ...shape])),
    ]);
    assertEquals([1, ...one.shape], many.shape);
    assertEquals(one.data, many.data);
    assertEquals(layer.outputShape(shape), one.shape);
  });

  Deno.test(`Conv${rank}d.forward() keeps an empty batch empty`, async () => {
    const { layer, forward, forwardSync, outputShape } = prepare(conv(rank, {}, { batch: 0 }));
    assertEquals((await forward()).shape, outputShape);
    assertEquals(forwardSync().data.length, 0);
    assertEquals(layer.outputShape([0, 4, ...[7, 8, 9].slice(3 - rank)])[0], 0);
  });

  Deno.test(`Conv${rank}d says what is wrong with an input`, async () => {
    const layer = new CONVS[rank](16, 4, 3);
    const spatial = new Array(rank).fill(8);
    const name = `Conv${rank}d`;
    const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
      [
        Tensor.zeros([1, 3, ...spatial]),
        RangeError,
        `${name}: input has 3 channels (shape [1, 3, ${spatial.join(", ")}]), but the layer was ` +
        "built for 16",
      ],
      [
        Tensor.zeros([3, ...spatial]),
        RangeError,
        `${name}: input has 3 channels (shape [3, ${spatial.join(", ")}])`,
      ],
      [Tensor.zeros([16]), RangeError, `${name}: input must be a batch (N, C, `],
      [Tensor.zeros([1, 1, 16, ...spatial]), RangeError, "but has shape [1, 1, 16, 8"],
      [Tensor.zeros([1, 16, ...spatial.map(() => 2)]), RangeError, "the kernel spans 3"],
      [new Float32Array(16), TypeError, `${name}: input must be a Tensor, but is a value of type`],
      [undefined, TypeError, `${name}: input must be a Tensor, but is undefined`],
      [[[1, 2]], TypeError, `${name}: input must be a Tensor, but is [[1, 2]]`],
    ];
    for (const [input, kind, message] of cases) {
      assertThrows(() => layer.forwardSync(input as Tensor), kind, message);
      await assertRejects(() => layer.forward(input as Tensor), kind, message);
    }
  });
}

Deno.test("Conv2d.outputShape() refuses shapes that do not fit", () => {
  const layer = new Conv2d(16, 4, 3);
  assertThrows(() => layer.outputShape([1, 3, 8, 8]), RangeError, "input has 3 channels");
  assertThrows(() => layer.outputShape([1, 16, 8, -8]), RangeError, "shape[3] must be an integer");
  assertThrows(() => layer.outputShape("16" as never), TypeError, "shape must be an array");
  assertEquals(layer.outputShape([16, 8, 8]), [4, 6, 6]);
  assertThrows(() => layer.outputShape(["16", 8, 8] as never), TypeError, "shape[0] must be");
});

Deno.test("Conv2d says which input would take too much memory", () => {
  const layer = new Conv2d(1, 1, 1, { padding: 2 ** 20 });
  assertThrows(() => layer.forwardSync(Tensor.zeros([1, 1, 1])), RangeError, "would take 16.0 TiB");
});

Deno.test("Conv2d has the getters of its options", () => {
  const layer = new Conv2d(16, 32, [3, 5], {
    stride: [2, 1],
    padding: [[1, 2], 3],
    dilation: 2,
    groups: 4,
    paddingMode: "circular",
    algorithm: "direct",
  });
  assertEquals(layer.inChannels, 16);
  assertEquals(layer.outChannels, 32);
  assertEquals(layer.kernelSize, [3, 5]);
  assertEquals(layer.stride, [2, 1]);
  assertEquals(layer.padding, [[1, 2], 3]);
  assertEquals(layer.dilation, [2, 2]);
  assertEquals(layer.groups, 4);
  assertEquals(layer.paddingMode, "circular");
  assertEquals(layer.algorithm, "direct");
  assertEquals(layer.weight.shape, [32, 4, 3, 5]);
  assertEquals(layer.bias?.shape, [32]);
  assertEquals(new Conv2d(1, 1, 3, { padding: "same" }).padding, "same");
  assertEquals(new Conv2d(1, 1, 3, { padding: "valid" }).padding, [0, 0]);
});

Deno.test("Conv2d says what is wrong with its options", () => {
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ paddding: 1 }, TypeError, 'Conv2d: unknown option "paddding", did you mean "padding"?'],
    [{ outputPadding: 1 }, TypeError, 'Conv2d: unknown option "outputPadding" (valid options: '],
    [{ bias: 1 }, TypeError, "Conv2d: bias must be true or false, but is 1"],
    [{ algorithm: "fft" }, RangeError, 'Conv2d: algorithm must be one of "auto", "direct"'],
    [{ seed: -1 }, RangeError, "Conv2d: seed must be an integer of at least 0, but is -1"],
    [{ engine: {} }, TypeError, "Conv2d: engine must be an Engine, but is an object"],
    [null, TypeError, "Conv2d: options must be an object, but are null"],
    [[3], TypeError, "Conv2d: options must be an object, but are [3]"],
  ];
  for (const [options, kind, message] of cases) {
    assertThrows(() => new Conv2d(4, 4, 3, options as ConvOptions), kind, message);
  }
  assertThrows(() => new Conv2d(0, 4, 3), RangeError, "Conv2d: inChannels must be an integer");
  assertThrows(() => new Conv2d(4, "4" as never, 3), TypeError, "Conv2d: outChannels must be a");
  assertThrows(() => new Conv2d(1e6, 1e6, 3), RangeError, "Conv2d: the weight of shape");
});

Deno.test("Deno.inspect() shows a convolution as the expression that builds it", () => {
  assertEquals(
    Deno.inspect(
      new Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] }),
    ),
    "Conv2d(16, 33, kernelSize=[3, 5], stride=[2, 1], padding=[4, 2], dilation=[3, 1])",
  );
  assertEquals(
    Deno.inspect(new Conv1d(4, 4, 3, { bias: false, groups: 2, padding: "same" })),
    'Conv1d(4, 4, kernelSize=[3], stride=[1], padding="same", groups=2, bias=false)',
  );
  assertEquals(
    String(new Conv3d(4, 4, 3, { padding: [0, [1, 2], 0], paddingMode: "replicate" })),
    "Conv3d(4, 4, kernelSize=[3, 3, 3], stride=[1, 1, 1], padding=[0, [1, 2], 0], " +
      'paddingMode="replicate")',
  );
});

Deno.test("A layer whose weight no engine can hold is refused before it takes any memory", () => {
  assertThrows(
    () => new Conv1d(63_000, 63_000, 1),
    RangeError,
    "Conv1d: the weight of shape [63000, 63000, 1] takes 14.8 GiB",
  );
});
