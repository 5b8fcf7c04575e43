import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Engine } from "../../src/engine/engine.ts";
import type { Geometry, Triple } from "../../src/convolution/geometry.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { planBytes } from "../../src/kernels/plan.ts";
import { reference } from "../../src/convolution/formula.ts";
import { Conv1d, Conv2d, Conv3d } from "../../src/layers/conv.ts";
import {
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "../../src/layers/conv_transpose.ts";
import type { Layer } from "../../src/layers/layer.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { copySpans } from "../../src/execution/copies.ts";
import { piecesOf, type Planner } from "../../src/execution/pieces.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { planOf } from "../_interpret_plan.ts";

const THREADS = 2;

function bytesOf(geometry: Geometry): number {
  return planBytes(planOf(geometry, true, WASM_TARGET, NO_EPILOGUE, "auto"), THREADS);
}

/** Plans that are no more than what they are for, and take so many bytes. */
function sized(bytesOf: (geometry: Geometry) => number): Planner<Geometry> {
  return { planOf: (geometry) => geometry, bytesOf };
}

/** Real plans. */
const PLANNER = sized(bytesOf);

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** A case with at least one batch item, and a capacity as a share of what it takes as a whole. */
function cutCases(): fc.Arbitrary<[LayerCase, number]> {
  const small = layerCases().filter((layerCase) => {
    const work = multiplyAdds(geometryOf(layerCase));
    return work > 0 && work <= 40_000;
  });
  return fc.tuple(small, fc.double({ min: 0.02, max: 1.1, noNaN: true }));
}

/** The pieces of a case, or `null` where not even one position fits or too many different ones would be left. */
function cut(geometry: Geometry, capacity: number) {
  try {
    return piecesOf(geometry, PLANNER, capacity);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    assert(/^(One position of the output needs |More than \d+ pieces, )/.test(error.message));
    return null;
  }
}

/** Computes each piece by the formula, on an input of exactly its size. */
function assemble(layerCase: LayerCase, capacity: number): Float32Array | null {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const output = new Float32Array(
    geometry.batch * geometry.outChannels * product(geometry.output),
  ).fill(NaN);
  const pieces = cut(geometry, capacity);
  if (pieces === null) return null;
  for (const piece of pieces) {
    const { batch, inChannels, input } = piece.geometry;
    const size = batch * inChannels * product(input);
    const staged = new Float32Array(size + 16).fill(NaN);
    for (const _ of copySpans(piece.inputSpans(), staged, operands.input));
    assert(staged.subarray(size).every(Number.isNaN), "Nothing is staged behind the input");
    const result = reference(piece.geometry, { ...operands, input: staged.subarray(0, size) });
    for (const _ of copySpans(piece.outputSpans(), output, Float32Array.from(result)));
  }
  return output;
}

Deno.test("The pieces of random layers make the whole", () => {
  fc.assert(
    fc.property(cutCases(), ([layerCase, share]) => {
      const geometry = geometryOf(layerCase);
      const output = assemble(layerCase, Math.floor(bytesOf(geometry) * share));
      if (output === null) return;
      const expected = Float32Array.from(reference(geometry, operandsOf(layerCase)));
      assertEquals(output, expected);
    }),
    { seed: 42, numRuns: draws(500) },
  );
});

Deno.test("The pieces of an addend of random layers lie where those of the output do", () => {
  fc.assert(
    fc.property(cutCases(), ([layerCase, share]) => {
      const geometry = geometryOf(layerCase);
      const { batch, outChannels } = geometry;
      const add = Float32Array.from(
        { length: batch * outChannels * product(geometry.output) },
        (_, index) => index,
      );
      const output = new Float32Array(add.length).fill(NaN);
      const pieces = cut(geometry, Math.floor(bytesOf(geometry) * share));
      for (const piece of pieces ?? []) {
        const size = piece.geometry.batch * outChannels * product(piece.geometry.output);
        const staged = new Float32Array(size + 16).fill(NaN);
        for (const _ of copySpans(piece.addSpans(), staged, add));
        assert(staged.subarray(size).every(Number.isNaN), "Nothing is staged behind the addend");
        for (const _ of copySpans(piece.outputSpans(), output, staged.subarray(0, size)));
      }
      if (pieces !== null) assertEquals(output, add);
    }),
    { seed: 44, numRuns: draws(500) },
  );
});

Deno.test("Every piece of random layers fits", () => {
  fc.assert(
    fc.property(cutCases(), ([layerCase, share]) => {
      const geometry = geometryOf(layerCase);
      const capacity = Math.floor(bytesOf(geometry) * share);
      for (const piece of cut(geometry, capacity) ?? []) {
        assert(bytesOf(piece.geometry) <= capacity);
      }
    }),
    { seed: 43, numRuns: draws(1000) },
  );
});

Deno.test("piecesOf() leaves whole what fits, and cuts a batch before it cuts an item", () => {
  const geometry = geometryOf({
    transposed: false,
    rank: 2,
    batch: 7,
    inChannels: 2,
    outChannels: 3,
    spatial: [9, 9],
    kernelSize: 3,
    bias: true,
    options: { padding: 1 },
    seed: 0,
  });
  const batches = (capacity: number) =>
    piecesOf(geometry, PLANNER, capacity).map(({ geometry: { batch, output } }) => [batch, output]);
  const whole = bytesOf(geometry);
  assertEquals(batches(whole), [[7, [1, 9, 9]]]);
  assertEquals(batches(whole - 1), [[6, [1, 9, 9]], [1, [1, 9, 9]]]);
  const three = bytesOf({ ...geometry, batch: 3 });
  assertEquals(batches(three), [[3, [1, 9, 9]], [3, [1, 9, 9]], [1, [1, 9, 9]]]);
  const one = bytesOf({ ...geometry, batch: 1 });
  assertEquals(batches(one).length, 7);
  const rows = batches(one - 1);
  assert(rows.length > 7);
  assertEquals(new Set(rows.map(([batch]) => batch)), new Set([1]));
});

Deno.test("piecesOf() cuts rows where not even one fits, and says so where not even a position does", () => {
  const geometry = geometryOf({
    transposed: false,
    rank: 2,
    batch: 2,
    inChannels: 2,
    outChannels: 3,
    spatial: [90, 90],
    kernelSize: 3,
    bias: true,
    options: {},
    seed: 0,
  });
  const bytesOfPart = (input: Triple, output: Triple) =>
    bytesOf({ ...geometry, batch: 1, input, output });
  // A row of outputs sees three rows of inputs.
  const row = bytesOfPart([1, 3, 90], [1, 1, 88]);
  assertStrictEquals(piecesOf(geometry, PLANNER, row).length, 2 * 88);
  const parts = piecesOf(geometry, PLANNER, row - 1);
  assert(parts.length > 2 * 88);
  for (const { geometry: { output } } of parts) assertStrictEquals(output[1], 1);
  const position = bytesOfPart([1, 3, 3], [1, 1, 1]);
  assertStrictEquals(piecesOf(geometry, PLANNER, position).length, 2 * 88 * 88);
  assertThrows(
    () => piecesOf(geometry, PLANNER, position - 1),
    RangeError,
    `One position of the output needs ${position} bytes of shared memory, but the engine has ` +
      `${
        position - 1
      }; give it more with new Engine({ memory }). The position sees 18 elements of the ` +
      "padded input, and the weights alone take 216 bytes",
  );
});

Deno.test("piecesOf() says so where pieces would be too many", () => {
  const geometry = geometryOf({ ...WHOLE_BATCH, spatial: [1e8] });
  const bytes = ({ output }: Geometry) => output[2];
  assertThrows(() => piecesOf(geometry, sized(bytes), 10), RangeError, "More than 1048576 pieces");
});

Deno.test("piecesOf() looks at few sizes, however long an axis is", () => {
  const geometry = geometryOf({ ...WHOLE_BATCH, batch: 2, spatial: [1e9] });
  let looks = 0;
  const bytes = ({ batch, output }: Geometry) => {
    looks++;
    return 1e6 + batch * output[2];
  };
  const pieces = piecesOf(geometry, sized(bytes), 5e6);
  assert(looks < 30, `${looks} sizes`);
  assert(pieces.length < 600, `${pieces.length} pieces`);
  assertStrictEquals(new Set(pieces.map(({ geometry }) => geometry)).size, 2);
});

Deno.test("piecesOf() plans each size once, those of the pieces and those that it looks at", () => {
  const seen: string[] = [];
  const planner: Planner<{ readonly bytes: number }> = {
    planOf: ({ batch, input, output }) => {
      seen.push([batch, ...input, ...output].join());
      return { bytes: batch * (input[2] + output[2]) };
    },
    bytesOf: ({ bytes }) => bytes,
  };
  for (const [batch, width, capacity] of [[1, 50, 1e4], [11, 50, 400], [3, 5000, 1200]] as const) {
    seen.length = 0;
    const geometry = geometryOf({ ...WHOLE_BATCH, batch, spatial: [width] });
    const pieces = piecesOf(geometry, planner, capacity);
    assertEquals(pieces.length > 1, batch > 1);
    assertEquals(seen, [...new Set(seen)]);
    // Pieces of one size have one plan.
    const kinds = pieces.map(({ geometry: { batch, output } }) => `${batch} ${output}`);
    assertEquals(new Set(pieces.map(({ plan }) => plan)).size, new Set(kinds).size);
    for (const { plan } of pieces) assert(plan.bytes <= capacity);
  }
});

Deno.test("The inner rows of a transposed convolution count when it is cut", () => {
  // An inner row sees more inputs than the first or the last.
  const geometry = geometryOf({
    transposed: true,
    rank: 2,
    batch: 1,
    inChannels: 8,
    outChannels: 1,
    spatial: [40, 30],
    kernelSize: [9, 1],
    bias: true,
    options: {},
    seed: 0,
  });
  const whole = bytesOf(geometry);
  for (let capacity = Math.floor(whole / 8); capacity < whole; capacity += 501) {
    for (const piece of cut(geometry, capacity) ?? []) {
      assert(bytesOf(piece.geometry) <= capacity, `Of ${capacity} bytes`);
    }
  }
});

/** Layers and inputs of which input and output together are several times as large as 1 MiB. */
const LARGE: Record<string, [(engine?: Engine) => Layer, readonly number[]]> = {
  "a batch": [
    (engine) => new Conv2d(3, 4, 3, { ...common(engine), padding: 1 }),
    [60, 3, 40, 40],
  ],
  "rows": [
    (engine) => new Conv2d(2, 3, 3, { ...common(engine), padding: 1 }),
    [2, 2, 400, 401],
  ],
  "rows with a stride and a dilation": [
    (engine) => new Conv2d(2, 6, 5, { ...common(engine), stride: [2, 1], dilation: [3, 2] }),
    [1, 2, 500, 403],
  ],
  "mirrored rows": [
    (engine) => new Conv2d(2, 3, 7, { ...common(engine), padding: 5, paddingMode: "reflect" }),
    [1, 2, 400, 400],
  ],
  "repeated rows": [
    (engine) => new Conv2d(2, 3, 4, { ...common(engine), padding: 9, paddingMode: "replicate" }),
    [1, 2, 400, 400],
  ],
  "circular rows": [
    (engine) => new Conv2d(2, 3, 5, { ...common(engine), padding: 40, paddingMode: "circular" }),
    [1, 2, 400, 400],
  ],
  "channels each by themselves": [
    (engine) => new Conv2d(6, 6, 3, { ...common(engine), groups: 6, padding: "same" }),
    [1, 6, 300, 299],
  ],
  "a signal": [
    (engine) => new Conv1d(1, 2, 101, { ...common(engine), padding: 50 }),
    [1, 300_001],
  ],
  "a signal of many channels": [
    (engine) => new Conv1d(40, 3, 5, { ...common(engine), padding: [[2, 7]] }),
    [1, 40, 20_000],
  ],
  "a circular signal": [
    (engine) =>
      new Conv1d(2, 2, 9, { ...common(engine), padding: [[300, 5]], paddingMode: "circular" }),
    [2, 200_000],
  ],
  "a volume": [
    (engine) => new Conv3d(1, 2, 3, { ...common(engine), padding: 1 }),
    [1, 1, 40, 100, 100],
  ],
  "a circular volume": [
    (engine) =>
      new Conv3d(1, 1, [3, 2, 4], { ...common(engine), padding: 2, paddingMode: "circular" }),
    [1, 50, 90, 100],
  ],
  "rows that do not fit": [
    (engine) => new Conv2d(8, 8, 3, { ...common(engine), padding: 1 }),
    [2, 8, 4, 20_000],
  ],
  "mirrored rows that do not fit": [
    (engine) => new Conv2d(4, 6, 5, { ...common(engine), padding: 3, paddingMode: "reflect" }),
    [1, 4, 5, 40_000],
  ],
  "planes that do not fit": [
    (engine) => new Conv3d(2, 2, 3, { ...common(engine), padding: 1, paddingMode: "circular" }),
    [1, 2, 3, 300, 301],
  ],
  "a volume of rows that do not fit": [
    (engine) => new Conv3d(1, 4, 3, { ...common(engine), stride: [1, 2, 1], padding: [1, 0, 2] }),
    [1, 1, 3, 5, 90_000],
  ],
  "a transposed image of rows that do not fit": [
    (engine) => new ConvTranspose2d(4, 4, 4, { ...transposed(engine), stride: 2, padding: 1 }),
    [1, 4, 3, 30_000],
  ],
  "a transposed image": [
    (engine) => new ConvTranspose2d(2, 3, 4, { ...transposed(engine), stride: 2, padding: 1 }),
    [1, 2, 200, 201],
  ],
  "a transposed image with a large kernel": [
    (engine) =>
      new ConvTranspose2d(3, 2, [11, 3], { ...transposed(engine), dilation: [2, 1], padding: 2 }),
    [1, 3, 330, 331],
  ],
  "a transposed signal": [
    (engine) => new ConvTranspose1d(2, 2, 16, { ...transposed(engine), stride: 8, padding: 4 }),
    [2, 60_000],
  ],
  "a transposed volume": [
    (engine) =>
      new ConvTranspose3d(1, 2, 3, { ...transposed(engine), stride: 2, outputPadding: 1 }),
    [1, 25, 40, 40],
  ],
};

function transposed(engine: Engine | undefined) {
  return { seed: 5, ...(engine === undefined ? {} : { engine }) };
}

/** The same sums in the same order, however the work is cut. */
function common(engine: Engine | undefined) {
  return { ...transposed(engine), algorithm: "direct" } as const;
}

const SMALL_MEMORY = 2 ** 20;

for (const [name, [build, shape]] of Object.entries(LARGE)) {
  Deno.test(`An engine with little memory computes ${name} in pieces, to the same bits`, async () => {
    using engine = new Engine({ memory: SMALL_MEMORY, threads: THREADS });
    const input = Tensor.randn(shape, { seed: 1 });
    const expected = build().forwardSync(input);
    const bytes = 4 * (input.size + expected.size);
    assert(bytes > 2 * SMALL_MEMORY, "It does not fit");
    const layer = build(engine);
    const output = layer.forwardSync(input);
    assertEquals(output.shape, expected.shape);
    assertSameBits(output, expected);
    assertSameBits(await layer.forward(input), expected);
  });
}

function assertSameBits(actual: Tensor, expected: Tensor): void {
  const wrong = expected.data.findIndex((value, index) => !Object.is(value, actual.data[index]));
  assertStrictEquals(wrong, -1, `Element ${wrong}`);
}

Deno.test("An engine with little memory refuses weights that do not fit, and works on", async () => {
  using engine = new Engine({ memory: SMALL_MEMORY, threads: THREADS });
  const tooLarge = new Conv2d(600, 600, 1, { engine, seed: 1 });
  const wide = Tensor.zeros([1, 600, 2, 20]);
  const message = "One position of the output needs ";
  assertThrows(() => tooLarge.forwardSync(wide), RangeError, message);
  const error = await tooLarge.forward(wide).catch((error: unknown) => error);
  assert(error instanceof RangeError);
  const layer = new Conv2d(8, 8, 3, { engine, seed: 1 });
  const input = Tensor.randn([1, 8, 20, 20], { seed: 2 });
  const expected = new Conv2d(8, 8, 3, { seed: 1 }).forwardSync(input);
  assertSameBits(layer.forwardSync(input), expected);
});

Deno.test("piecesOf() finds batches that fit where a smaller one takes more", () => {
  const geometry = geometryOf({ ...WHOLE_BATCH, batch: 7 });
  const bytes = ({ batch }: Geometry) => batch === 1 ? 200 : batch * 10;
  const batches = piecesOf(geometry, sized(bytes), 60).map(({ geometry }) => geometry.batch);
  assertEquals(batches, [5, 2]);
});

const WHOLE_BATCH: LayerCase = {
  transposed: false,
  rank: 1,
  batch: 1,
  inChannels: 1,
  outChannels: 1,
  spatial: [5],
  kernelSize: 3,
  bias: false,
  options: {},
  seed: 0,
};

Deno.test("A layer is computed directly where Winograd's algorithm would not fit into the memory", () => {
  using engine = new Engine({ memory: 25 * 2 ** 17, threads: 2 });
  const options = { padding: 1, seed: 1, engine } as const;
  const input = Tensor.randn([1, 192, 28, 28], { seed: 2 });
  assertThrows(
    () => new Conv2d(192, 192, 3, { ...options, algorithm: "winograd" }).forwardSync(input),
    RangeError,
    "bytes of shared memory",
  );
  const layer = new Conv2d(192, 192, 3, options);
  assertEquals(layer.explain(input.shape).family, "direct");
  const direct = new Conv2d(192, 192, 3, { ...options, algorithm: "direct" });
  assertEquals(layer.forwardSync(input).data, direct.forwardSync(input).data);
});
