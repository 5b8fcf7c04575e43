import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { FLOAT_BYTES } from "../../../src/codegen/program.ts";
import type { Triple } from "../../../src/convolution/geometry.ts";
import type { PaddingMode } from "../../../src/convolution/settings.ts";
import {
  channelMajorLayout,
  type PaddedLayout,
  type PadInput,
  padPhase,
  rowMajorLayout,
} from "../../../src/kernels/packing/padded.ts";
import { type PadAxis, padSegments } from "../../../src/convolution/padding.ts";
import { draws } from "../../_depth.ts";
import { interpretTiles, tilesOf } from "../../_interpret_plan.ts";

const MODES: PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

/** Where the value at a position comes from, by the meaning of each mode; `null` for zero. */
function sourceOf(position: number, size: number, mode: PaddingMode): number | null {
  if (position >= 0 && position < size) return position;
  switch (mode) {
    case "zeros":
      return null;
    case "replicate":
      return Math.min(size - 1, Math.max(0, position));
    case "reflect":
      return position < 0 ? -position : 2 * (size - 1) - position;
    case "circular":
      return (position + size) % size;
  }
}

function positionsOf({ count, step, first }: PadAxis): number[] {
  return Array.from({ length: count }, (_, index) => index * step + first);
}

/** An axis of an input, and positions that reach as far beyond it as its mode allows. */
interface AxisCase {
  readonly axis: PadAxis;
  readonly size: number;
  readonly mode: PaddingMode;
}

function axisCases(mode: fc.Arbitrary<PaddingMode>, largest = 24): fc.Arbitrary<AxisCase> {
  return fc.tuple(mode, fc.integer({ min: 1, max: largest })).chain(([mode, size]) => {
    const most = { zeros: 9, replicate: 9, reflect: size - 1, circular: size }[mode];
    return fc.record({
      first: fc.integer({ min: -most, max: size - 1 + most }),
      step: fc.integer({ min: 1, max: 7 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }).map(({ first, step, share }) => {
      const longest = Math.floor((size - 1 + most - first) / step) + 1;
      const count = 1 + Math.floor(share * (longest - 1));
      return { axis: { count, step, first }, size, mode };
    });
  });
}

Deno.test("padSegments() says where each position comes from, as each mode has it", () => {
  fc.assert(
    fc.property(axisCases(fc.constantFrom(...MODES)), ({ axis, size, mode }) => {
      const sources: (number | null)[] = [];
      for (const { count, start, source, step } of padSegments(axis, size, mode)) {
        assert(count > 0);
        assertStrictEquals(start, sources.length, "Segments follow each other");
        for (let index = 0; index < count; index++) {
          sources.push(source === null ? null : source + index * step);
        }
      }
      const expected = positionsOf(axis).map((position) => sourceOf(position, size, mode));
      assertEquals(sources, expected);
    }),
    { seed: 42, numRuns: draws(2000) },
  );
});

Deno.test("padSegments() gives one segment where nothing is padded", () => {
  for (const mode of MODES) {
    assertEquals(padSegments({ count: 5, step: 1, first: 0 }, 5, mode), [
      { count: 5, start: 0, source: 0, step: 1 },
    ]);
    assertEquals(padSegments({ count: 3, step: 2, first: 1 }, 6, mode), [
      { count: 3, start: 0, source: 1, step: 2 },
    ]);
  }
});

Deno.test("padSegments() pads as the documented examples of each mode", () => {
  const axis = { count: 9, step: 1, first: -2 };
  const expanded = (mode: PaddingMode) =>
    padSegments(axis, 4, mode).flatMap(({ count, source, step }) =>
      Array.from({ length: count }, (_, i) => source === null ? null : source + i * step)
    );
  assertEquals(expanded("zeros"), [null, null, 0, 1, 2, 3, null, null, null]);
  assertEquals(expanded("reflect"), [2, 1, 0, 1, 2, 3, 2, 1, 0]);
  assertEquals(expanded("replicate"), [0, 0, 0, 1, 2, 3, 3, 3, 3]);
  assertEquals(expanded("circular"), [2, 3, 0, 1, 2, 3, 0, 1, 2]);
});

Deno.test("rowMajorLayout() puts residues side by side, then channels, rows, planes and items", () => {
  const axes = { depth: positions(3), height: positions(5), columns: [4, 2, 3].map(positions) };
  const { rowLength, channelPitch, rowPitch, planePitch, itemPitch } = rowMajorLayout(axes, 7);
  assertEquals({ rowLength, channelPitch, rowPitch, planePitch, itemPitch }, {
    rowLength: 9,
    channelPitch: 9,
    rowPitch: 9 * 7,
    planePitch: 9 * 7 * 5,
    itemPitch: 9 * 7 * 5 * 3,
  });
});

Deno.test("channelMajorLayout() puts residues side by side, then rows, planes, channels and items", () => {
  const axes = { depth: positions(3), height: positions(5), columns: [4, 2, 3].map(positions) };
  const { rowLength, channelPitch, rowPitch, planePitch, itemPitch } = channelMajorLayout(axes, 7);
  assertEquals({ rowLength, channelPitch, rowPitch, planePitch, itemPitch }, {
    rowLength: 9,
    rowPitch: 9,
    planePitch: 9 * 5,
    channelPitch: 9 * 5 * 3,
    itemPitch: 9 * 5 * 3 * 7,
  });
});

Deno.test("rowMajorLayout() keeps the rows of channels away from multiples of 4 KiB", () => {
  for (let count = 1; count <= 5000; count++) {
    const axes = { depth: positions(1), height: positions(2), columns: [positions(count)] };
    const { channelPitch } = rowMajorLayout(axes, 3);
    assert(channelPitch >= count);
    assert(channelPitch * FLOAT_BYTES % 4096 !== 0, `${count} elements`);
  }
});

function positions(count: number): PadAxis {
  return { count, step: 1, first: 0 };
}

/** Packs an input with the checking interpreter, NaN wherever nothing is written. */
function pack(layout: PaddedLayout, input: PadInput, lanes: number) {
  const { batch, channels, size } = input;
  const phase = padPhase(layout, input, lanes, { input: 0, padded: 1 });
  const source = Float32Array.from(
    { length: size.reduce((product, length) => product * length, batch * channels) },
    (_, index) => index + 1,
  );
  // The last load of a row may reach a vector further.
  const data = Float32Array.from([...source, ...new Array<number>(lanes).fill(NaN)]);
  const packed = new Float32Array(batch * layout.itemPitch).fill(NaN);
  interpretTiles(phase, tilesOf(phase), [
    { name: "input", data, writable: false },
    { name: "padded", data: packed, writable: true },
  ]);
  return { source, packed };
}

/** What a layout says that a packed input is, NaN in its gaps. */
function expectedPacking(
  layout: PaddedLayout,
  { batch, channels, size: [inDepth, inHeight, inWidth], mode }: PadInput,
  source: Float32Array,
): Float32Array {
  const widths = layout.columns.flatMap(positionsOf).map((at) => sourceOf(at, inWidth, mode));
  const rows = positionsOf(layout.height).map((at) => sourceOf(at, inHeight, mode));
  const depths = positionsOf(layout.depth).map((at) => sourceOf(at, inDepth, mode));
  const packed = new Float32Array(batch * layout.itemPitch).fill(NaN);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      depths.forEach((d, depth) =>
        rows.forEach((h, row) =>
          widths.forEach((w, column) => {
            const to = n * layout.itemPitch + c * layout.channelPitch +
              depth * layout.planePitch + row * layout.rowPitch + column;
            assert(Number.isNaN(packed[to]), "Every position has a place of its own");
            packed[to] = d === null || h === null || w === null
              ? 0
              : source[(((n * channels + c) * inDepth + d) * inHeight + h) * inWidth + w] ?? NaN;
          })
        )
      );
    }
  }
  return packed;
}

function assertPacks(layout: PaddedLayout, input: PadInput, lanes: number): void {
  const { source, packed } = pack(layout, input, lanes);
  const expected = expectedPacking(layout, input, source);
  const wrong = expected.findIndex((value, index) => !Object.is(value, packed[index]));
  assertStrictEquals(wrong, -1, `Element ${wrong} is ${packed[wrong]}, not ${expected[wrong]}`);
}

Deno.test("padPhase() packs every position of every channel and item", () => {
  const packCases = fc.constantFrom(...MODES).chain((mode) => {
    const axis = axisCases(fc.constant(mode), 9);
    return fc.record({
      mode: fc.constant(mode),
      depth: axis,
      height: axis,
      width: axisCases(fc.constant(mode), 20),
      residues: fc.integer({ min: 1, max: 3 }),
      batch: fc.integer({ min: 1, max: 3 }),
      channels: fc.integer({ min: 1, max: 4 }),
      lanes: fc.constantFrom(4, 8),
      layoutOf: fc.constantFrom(rowMajorLayout, channelMajorLayout),
    });
  });
  fc.assert(
    fc.property(packCases, (packCase) => {
      const { mode, depth, height, width, residues, batch, channels, lanes, layoutOf } = packCase;
      const columns = Array.from({ length: residues }, (_, residue) => ({
        ...width.axis,
        count: Math.max(1, width.axis.count - residue),
      }));
      const layout = layoutOf({ depth: depth.axis, height: height.axis, columns }, channels);
      const size: Triple = [depth.size, height.size, width.size];
      assertPacks(layout, { batch, channels, size, mode }, lanes);
    }),
    { seed: 43, numRuns: draws(400) },
  );
});

Deno.test("padPhase() packs inputs that take several tiles", () => {
  const sizes: [Triple, number, number][] = [
    [[1, 90, 200], 1, 2],
    [[5, 3, 40], 3, 20],
    [[1, 1, 17_000], 2, 1],
    [[3, 60, 130], 1, 2],
  ];
  for (const [size, batch, channels] of sizes) {
    const [depth, height, width] = size.map((length) => ({
      count: length + 3,
      step: 1,
      first: -2,
    }));
    if (!depth || !height || !width) throw new Error("A size has three axes");
    for (const layoutOf of [rowMajorLayout, channelMajorLayout]) {
      const layout = layoutOf({ depth, height, columns: [width] }, channels);
      assertPacks(layout, { batch, channels, size, mode: "zeros" }, 4);
    }
  }
});
