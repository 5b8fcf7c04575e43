import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  Conv2d,
  Engine,
  Fold,
  fold,
  foldSync,
  Tensor,
  Unfold,
  unfold,
  unfoldSync,
} from "../../mod.ts";
import { Tape } from "../../src/train/tape.ts";
import { draws } from "../_depth.ts";

/** Blocks of images and what PyTorch makes of them, as `torch/unfold.py` writes it: numbers of 1/1024. */
interface TorchCase {
  readonly kernelSize: readonly number[];
  readonly options: Readonly<Record<"stride" | "padding" | "dilation", readonly number[]>>;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly unfolded: readonly number[];
  readonly unfoldGradient: readonly number[];
  readonly folded: readonly number[];
  readonly foldGradient: readonly number[];
}

const FILE = new URL("torch/unfold.jsonl", import.meta.url);
const CASES: readonly TorchCase[] = Deno.readTextFileSync(FILE).trim().split("\n")
  .map((line) => JSON.parse(line));

/** The numbers that the script makes. */
function numbers(shape: readonly number[], seed: number): Tensor {
  const tensor = Tensor.zeros(shape);
  tensor.data.forEach((_, i) => {
    tensor.data[i] = ((i * 7919 + seed * 104729) % 2003 - 1001) / 1024;
  });
  return tensor;
}

function counted(tensor: Tensor | null): number[] {
  return Array.from(tensor?.data ?? [NaN], (value) => value * 1024 + 0);
}

function bitsOf({ data }: Tensor): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}

Deno.test("Unfold and Fold and their gradients are PyTorch's, to the bit", async () => {
  assert(CASES.length >= 50);
  for (const [index, torch] of CASES.entries()) {
    const { kernelSize, options, inputShape, outputShape } = torch;
    const size = inputShape.slice(-2);
    const unfolding = new Unfold(kernelSize, options);
    const folding = new Fold(size, kernelSize, options);
    const [image, gradient] = [numbers(inputShape, index), numbers(outputShape, index + 1)];
    const [blocks, sums] = [numbers(outputShape, index + 2), numbers(inputShape, index + 3)];
    const message = `Case ${index}, ${unfolding}`;
    assertEquals(unfolding.outputShape(inputShape), outputShape, message);
    assertEquals(folding.outputShape(outputShape), inputShape, message);
    for (
      const [results, expected, shape] of [
        [
          [
            await unfolding.forward(image),
            unfolding.forwardSync(image),
            await unfold(image, kernelSize, options),
            unfoldSync(image, kernelSize, options),
          ],
          torch.unfolded,
          outputShape,
        ],
        [
          [await unfolding.backward(image, gradient), unfolding.backwardSync(image, gradient)],
          torch.unfoldGradient,
          inputShape,
        ],
        [
          [
            await folding.forward(blocks),
            folding.forwardSync(blocks),
            await fold(blocks, size, kernelSize, options),
            foldSync(blocks, size, kernelSize, options),
          ],
          torch.folded,
          inputShape,
        ],
        [
          [await folding.backward(blocks, sums), folding.backwardSync(blocks, sums)],
          torch.foldGradient,
          outputShape,
        ],
      ] as const
    ) {
      for (const result of results) {
        assertEquals(counted(result), [...expected], message);
        assertEquals(result?.shape, shape, message);
      }
    }
  }
});

/** Blocks along some axes, and the image that they are in. */
interface PatchCase {
  readonly kernelSize: readonly number[];
  readonly options: {
    readonly stride: readonly number[];
    readonly dilation: readonly number[];
    readonly padding: readonly [number, number][];
  };
  readonly inputShape: readonly number[];
}

function patchCases(): fc.Arbitrary<PatchCase> {
  const axis = fc.record({
    kernel: fc.constantFrom(1, 2, 3, 5, 8),
    stride: fc.constantFrom(1, 1, 2, 3, 8),
    dilation: fc.constantFrom(1, 1, 2, 3),
    begin: fc.nat(3),
    end: fc.nat(3),
    size: fc.integer({ min: 1, max: 40 }),
  });
  return fc.record({
    axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
    batch: fc.constantFrom([], [1], [3]),
    channels: fc.integer({ min: 1, max: 4 }),
  }).map(({ axes, batch, channels }) => ({
    kernelSize: axes.map(({ kernel }) => kernel),
    options: {
      stride: axes.map(({ stride }) => stride),
      dilation: axes.map(({ dilation }) => dilation),
      padding: axes.map(({ begin, end }): [number, number] => [begin, end]),
    },
    inputShape: [
      ...batch,
      channels,
      ...axes.map(({ kernel, dilation, begin, end, size }) =>
        Math.max(size, (kernel - 1) * dilation + 1 - begin - end)
      ),
    ],
  })).filter(({ inputShape, kernelSize }) =>
    [...inputShape, ...kernelSize].reduce((a, b) => a * b, 1) < 500_000
  );
}

/** Whole numbers, so that sums are exact in any order. */
function wholeNumbers(shape: readonly number[], seed: number): Tensor {
  const tensor = Tensor.uniform(shape, { low: -9, high: 9, seed });
  tensor.data.forEach((value, i) => tensor.data[i] = Math.round(value));
  return tensor;
}

function dot(a: Tensor, b: Tensor): number {
  return a.data.reduce((sum, value, i) => sum + value * (b.data[i] ?? NaN), 0);
}

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`Unfold and Fold are each other's adjoint in random configurations of every rank, ${backend}`, async () => {
    using engine = new Engine({ threads: 2, backend });
    await fc.assert(
      fc.asyncProperty(patchCases(), async ({ kernelSize, options, inputShape }) => {
        const rank = kernelSize.length;
        const unfolding = new Unfold(kernelSize, { ...options, engine });
        const folding = new Fold(inputShape.slice(-rank), kernelSize, { ...options, engine });
        const image = wholeNumbers(inputShape, 1);
        const blocks = wholeNumbers(unfolding.outputShape(inputShape), 2);
        const unfolded = await unfolding.forward(image);
        const folded = folding.forwardSync(blocks);
        assertStrictEquals(dot(unfolded, blocks), dot(image, folded));
        assertEquals(bitsOf(unfolding.forwardSync(image)), bitsOf(unfolded));
        assertEquals(bitsOf(await folding.forward(blocks)), bitsOf(folded));
        assertEquals(await unfolding.backward(image, blocks), folded);
        assertEquals(folding.backwardSync(blocks, image), unfolded);
      }),
      { seed: 81, numRuns: draws(120) },
    );
  });

  Deno.test(`Unfold and Fold are each other's adjoint with kernels of many taps, ${backend}`, async () => {
    for (
      const { shape, kernelSize, options } of [
        { shape: [1, 2500], kernelSize: [1100], options: { padding: 7 } },
        {
          shape: [2, 1, 80, 90],
          kernelSize: [50, 45],
          options: { dilation: [1, 2], padding: [3, 1] },
        },
      ]
    ) {
      const results: Uint32Array[] = [];
      for (const threads of [1, 3]) {
        using engine = new Engine({ threads, backend });
        await engine.ready;
        const unfolding = new Unfold(kernelSize, { ...options, engine });
        const image = wholeNumbers(shape, 1);
        const blocks = wholeNumbers(unfolding.outputShape(shape), 2);
        const folding = new Fold(shape.slice(-kernelSize.length), kernelSize, {
          ...options,
          engine,
        });
        const folded = await folding.forward(blocks);
        assertStrictEquals(dot(unfolding.forwardSync(image), blocks), dot(image, folded));
        results.push(bitsOf(folded));
      }
      assertEquals(results[1], results[0]);
    }
  });

  Deno.test(`Unfold keeps every bit of its input, and padding is zero, ${backend}`, () => {
    using engine = new Engine({ threads: 2, backend });
    const special = [NaN, Infinity, -Infinity, -0, 1e-45, -3.4e38, 1, 0];
    const image = Tensor.zeros([1, 2, 9, 10]);
    image.data.forEach((_, i) => image.data[i] = special[(i * 5) % special.length] ?? 0);
    // A NaN that says more than that it is none.
    new Uint32Array(image.data.buffer)[3] = 0x7fc1_2345;
    const bits = bitsOf(image);
    for (const stride of [1, 2, 3]) {
      for (const padding of [0, 2]) {
        const unfolded = new Unfold([3, 2], { stride, padding, engine }).forwardSync(image);
        const rows = Math.floor((9 + 2 * padding - 3) / stride) + 1;
        const columns = Math.floor((10 + 2 * padding - 2) / stride) + 1;
        bitsOf(unfolded).forEach((value, index) => {
          const x = index % columns;
          const y = Math.floor(index / columns) % rows;
          const tap = Math.floor(index / columns / rows);
          const [i, j, c] = [Math.floor(tap / 2) % 3, tap % 2, Math.floor(tap / 6)];
          const [row, column] = [y * stride + i - padding, x * stride + j - padding];
          const isInside = row >= 0 && row < 9 && column >= 0 && column < 10;
          assertStrictEquals(value, isInside ? bits[(c * 9 + row) * 10 + column] : 0);
        });
      }
    }
  });

  Deno.test(`Unfold and Fold give the same bits on any number of threads, ${backend}`, async () => {
    const image = Tensor.randn([2, 5, 61, 67], { seed: 1 });
    const kernels = [
      { kernelSize: 3, options: { padding: 1 } },
      { kernelSize: [5, 4], options: { stride: [2, 3], dilation: [1, 2], padding: 2 } },
      { kernelSize: 7, options: { stride: 7 } },
    ];
    for (const { kernelSize, options } of kernels) {
      const results: Uint32Array[][] = [];
      for (const threads of [1, 2, 3, 8]) {
        using engine = new Engine({ threads, backend });
        await engine.ready;
        const unfolding = new Unfold(kernelSize, { ...options, engine });
        const unfolded = await unfolding.forward(image);
        const blocks = Tensor.randn(unfolded.shape, { seed: 2 });
        const folded = unfolding.backwardSync(image, blocks);
        results.push([bitsOf(unfolded), bitsOf(folded ?? blocks)]);
      }
      for (const result of results) assertEquals(result, results[0]);
    }
  });

  Deno.test(`Unfold and Fold do in pieces what the memory does not hold, ${backend}`, async () => {
    using small = new Engine({ threads: 2, backend, memory: 2 ** 21 });
    using large = new Engine({ threads: 2, backend });
    for (
      const { shape, kernelSize, options } of [
        { shape: [3, 4, 90, 100], kernelSize: 3, options: { padding: 1 } },
        { shape: [1, 600, 400], kernelSize: [5, 3], options: { stride: [2, 3], padding: 2 } },
        { shape: [1, 900_000], kernelSize: [4], options: { dilation: 3, padding: 5 } },
        { shape: [2, 40, 50, 60], kernelSize: [2, 3, 3], options: { stride: 2, dilation: 2 } },
      ]
    ) {
      const image = Tensor.randn(shape, { seed: 1 });
      const inSmall = new Unfold(kernelSize, { ...options, engine: small });
      const inLarge = new Unfold(kernelSize, { ...options, engine: large });
      const expected = inLarge.forwardSync(image);
      assertEquals(bitsOf(inSmall.forwardSync(image)), bitsOf(expected));
      assertEquals(bitsOf(await inSmall.forward(image)), bitsOf(expected));
      const blocks = Tensor.randn(expected.shape, { seed: 2 });
      const sums = inLarge.backwardSync(image, blocks);
      assert(sums);
      assertEquals(await inSmall.backward(image, blocks), sums);
      assertEquals(inSmall.backwardSync(image, blocks), sums);
    }
    const blocks = new Unfold(1200, { engine: small });
    assertThrows(
      () => blocks.forwardSync(Tensor.zeros([1, 1200, 1200])),
      RangeError,
      "elements of the padded input",
    );
  });
}

Deno.test("A convolution is a product of its weights with what Unfold makes", () => {
  const layer = new Conv2d(3, 4, [3, 2], {
    stride: 2,
    padding: 1,
    bias: false,
    algorithm: "direct",
  });
  layer.weight.data.set(wholeNumbers(layer.weight.shape, 1).data);
  const image = wholeNumbers([3, 8, 9], 2);
  const { data, shape } = new Unfold([3, 2], { stride: 2, padding: 1 }).forwardSync(image);
  const [elements = 0, blocks = 0] = shape;
  const expected = layer.forwardSync(image).data.map((_, index) => {
    const [channel, block] = [Math.floor(index / blocks), index % blocks];
    return Array.from(
      { length: elements },
      (_, e) => (layer.weight.data[channel * elements + e] ?? 0) * (data[e * blocks + block] ?? 0),
    ).reduce((a, b) => a + b);
  });
  assertEquals(layer.forwardSync(image).data, expected);
});

Deno.test("Unfold and Fold write to a tensor that they are given", async () => {
  const image = Tensor.randn([2, 3, 6, 6], { seed: 1 });
  const unfolding = new Unfold(2, { stride: 2 });
  const folding = new Fold(6, 2, { stride: 2 });
  const expected = unfolding.forwardSync(image);
  const blocks = Tensor.zeros(expected.shape);
  assertStrictEquals(await unfolding.forward(image, { out: blocks }), blocks);
  assertEquals(blocks, expected);
  blocks.data.fill(0);
  assertStrictEquals(unfoldSync(image, 2, { stride: 2, out: blocks }), blocks);
  assertEquals(blocks, expected);
  const back = Tensor.zeros(image.shape);
  assertStrictEquals(folding.forwardSync(blocks, { out: back }), back);
  assertEquals(back, image);
  assertStrictEquals(await fold(blocks, 6, 2, { stride: 2, out: back }), back);
});

Deno.test("A write after forward() has been called does not change its output", async () => {
  const image = Tensor.ones([1, 1, 40, 40]);
  const unfolding = new Unfold(3);
  const calls = [unfolding.forward(image), unfolding.backward(image, Tensor.ones([1, 9, 38 * 38]))];
  image.data.fill(7);
  const [unfolded] = await Promise.all(calls);
  assert(unfolded?.data.every((value) => value === 1));
});

Deno.test("A tape goes back through Unfold and Fold", async () => {
  const tape = new Tape();
  const x = tape.watch(wholeNumbers([1, 2, 6, 5], 1));
  const blocks = await tape.forward(new Unfold(3, { padding: 1 }), x);
  const y = tape.forwardSync(new Fold([6, 5], 3, { padding: 1 }), blocks);
  await tape.backward(y, Tensor.ones(y.shape));
  const counts = new Unfold(3, { padding: 1 }).backwardSync(x, Tensor.ones(blocks.shape));
  assertEquals(tape.gradient(x), counts);
  await assertRejects(
    () => tape.forward(new Unfold(3), x, { add: x }),
    TypeError,
    'Unfold: unknown option "add"',
  );
});

Deno.test("Unfold and Fold say what they are", () => {
  const unfolding = new Unfold([3, 2], { padding: [1, [0, 2]], dilation: 2 });
  assertEquals(unfolding.kernelSize, [3, 2]);
  assertEquals(unfolding.stride, [1, 1]);
  assertEquals(unfolding.padding, [1, [0, 2]]);
  assertEquals(unfolding.dilation, [2, 2]);
  const text = "kernelSize=[3, 2], stride=[1, 1], padding=[1, [0, 2]], dilation=[2, 2]";
  assertEquals(Deno.inspect(unfolding), `Unfold(${text})`);
  const folding = new Fold(8, [3, 2], { padding: "same" });
  assertEquals(folding.outputSize, [8, 8]);
  assertEquals(
    String(folding),
    'Fold([8, 8], kernelSize=[3, 2], stride=[1, 1], padding="same")',
  );
  assertEquals(folding.outputShape([6, 64]), [1, 8, 8]);
});

Deno.test("Unfold and Fold refuse what does not fit, and say why", async () => {
  const wrong = (value: unknown) => JSON.parse(JSON.stringify(value));
  const image = Tensor.ones([1, 2, 5, 5]);
  const blocks = Tensor.ones([1, 18, 9]);
  const unfolding = new Unfold(3);
  const folding = new Fold(5, 3);
  for (
    const [ask, Kind, message] of [
      [() => new Unfold(0), RangeError, "Unfold: kernelSize must be"],
      [() => new Unfold([]), RangeError, "Unfold: kernelSize must be a number or have 1 to 3"],
      [() => new Unfold(wrong(null)), TypeError, "Unfold: kernelSize must be a number"],
      [() => new Unfold(2, { stride: [1, 1, 1] }), RangeError, "Unfold: stride must have"],
      [() => new Unfold(2, wrong({ strid: 1 })), TypeError, 'did you mean "stride"?'],
      [() => new Unfold(2, wrong({ engine: 1 })), TypeError, "Unfold: engine must be an Engine"],
      [() => new Unfold(2, wrong(null)), TypeError, "Unfold: options must be an object"],
      [() => new Fold(wrong(null), 3), TypeError, "Fold: outputSize must be a number"],
      [() => new Fold([5, 5], [3]), RangeError, "Fold: outputSize must have"],
      [() => new Fold(0, 3), RangeError, "Fold: outputSize must be an integer of at least 1"],
      [() => unfolding.forwardSync(wrong([1])), TypeError, "Unfold: input must be a Tensor"],
      [
        () => unfolding.outputShape([5, 5]),
        RangeError,
        "Unfold: input must be a batch (N, C, H, W)",
      ],
      [() => unfolding.outputShape([0, 5, 5]), RangeError, "at least 1 channel"],
      [() => unfolding.outputShape([1, 2, 5]), RangeError, "the kernel spans 3"],
      [
        () => unfolding.forwardSync(image, { out: image }),
        RangeError,
        "out must have the output's",
      ],
      [() => unfolding.forwardSync(image, wrong({ add: 1 })), TypeError, 'unknown option "add"'],
      [
        () => unfolding.backwardSync(image, image),
        RangeError,
        "gradOutput must have shape [1, 18, 9]",
      ],
      [() => unfolding.backwardSync(image, wrong(1)), TypeError, "gradOutput must be a Tensor"],
      [
        () => unfolding.backwardSync(image, blocks, wrong({ input: 1 })),
        TypeError,
        "Unfold: input must be true or false",
      ],
      [() => folding.outputShape([18]), RangeError, "Fold: input must be a batch (N, C * 9, L)"],
      [() => folding.outputShape([1, 1, 18, 9]), RangeError, "but has shape [1, 1, 18, 9]"],
      [() => folding.outputShape([17, 9]), RangeError, "must be a multiple of the 9 elements"],
      [() => folding.outputShape([0, 9]), RangeError, "Fold: input has 0 channels"],
      [
        () => folding.outputShape([18, 8]),
        RangeError,
        "input has 8 blocks (shape [18, 8]), but an image of size [5, 5] has 3 * 3 = 9",
      ],
      [() => new Fold(2, 3).outputShape([9, 1]), RangeError, "Fold: the output would have size 0"],
      [
        () => unfoldSync(image, 3, wrong({ strid: 1 })),
        TypeError,
        'unfold: unknown option "strid"',
      ],
      [() => foldSync(blocks, [5, 6], 3), RangeError, "fold: input has 9 blocks"],
    ] as const
  ) assertThrows(ask, Kind, message);
  await assertRejects(() => unfolding.forward(wrong([1])), TypeError, "must be a Tensor");
  await assertRejects(() => unfolding.backward(image, image), RangeError, "gradOutput");
  await assertRejects(() => unfold(image, 6), RangeError, "the kernel spans 6");
  await assertRejects(() => fold(image, 5, 3), RangeError, "fold: input must be");
  assertEquals(unfolding.backwardSync(image, blocks, { input: false, parameters: false }), null);
});

Deno.test("Unfold and Fold make nothing of an empty batch", async () => {
  assertEquals((await new Unfold(2).forward(Tensor.zeros([0, 3, 4, 4]))).shape, [0, 12, 9]);
  assertEquals(new Fold(4, 2).forwardSync(Tensor.zeros([0, 12, 9])).shape, [0, 3, 4, 4]);
});
