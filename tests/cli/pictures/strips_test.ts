import { assert, assertEquals } from "@std/assert";
import type {
  FilterName,
  FilterSettings,
  PictureFilter,
} from "../../../src/cli/pictures/filters.ts";
import { applyFilter, buildFilter, DEFAULT_SETTINGS } from "../../../src/cli/pictures/filters.ts";
import { filterStrips, planStrips, windowsOf } from "../../../src/cli/pictures/strips.ts";
import { Engine } from "../../../src/engine/engine.ts";
import type { Raster } from "../../../src/io/pictures/raster.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

const CASES: readonly (readonly [FilterName, Partial<FilterSettings>])[] = [
  ["blur", { radius: 1 }],
  ["blur", { radius: 9 }],
  ["sharpen", { radius: 3 }],
  ["edges", {}],
  ["emboss", {}],
  ["upscale", { scale: 2 }],
  ["upscale", { scale: 3 }],
  ["upscale", { scale: 8 }],
];

/** Filters for pictures of some channels. */
function filters(channels: number, engine: Engine): readonly PictureFilter[] {
  return CASES.map(([name, changed]) =>
    buildFilter(name, channels, { ...DEFAULT_SETTINGS, ...changed }, engine)
  );
}

/** Rows of every channel. */
function rowsOf({ data, shape }: Tensor, from: number, to: number): Tensor {
  const [channels = 0, height = 0, width = 0] = shape;
  const planes = Array.from(
    { length: channels },
    (_, channel) => [
      ...data.subarray((channel * height + from) * width, (channel * height + to) * width),
    ],
  );
  return new Tensor(planes.flat(), [channels, to - from, width]);
}

Deno.test("windowsOf() covers every row once, as far from a cut edge as the filter reaches", () => {
  for (
    const [height, rows, reach] of [[1, 1, 5], [10, 10, 3], [50, 7, 3], [51, 20, 4], [9, 3, 1]]
  ) {
    let next = 0;
    for (const { first, from, to } of windowsOf(height ?? 0, rows ?? 0, reach ?? 0)) {
      assertEquals(from, next);
      assert(from < to && first >= 0 && first + (rows ?? 0) <= (height ?? 0));
      assert(first === 0 || from - first >= (reach ?? 0));
      assert(first + (rows ?? 0) === height || first + (rows ?? 0) - to >= (reach ?? 0));
      next = to;
    }
    assertEquals(next, height);
  }
});

Deno.test("A picture in windows has the bits of the whole, whatever the filter and the window", async () => {
  for (const backend of ["wasm", "auto"] as const) {
    using engine = new Engine({ backend });
    for (const width of [5, 61]) {
      const height = 67;
      const pixels = Tensor.uniform([3, height, width], { seed: width });
      for (const filter of filters(3, engine)) {
        const whole = await applyFilter(filter, pixels);
        const least = 2 * filter.reach + 1;
        for (const rows of [least, least + 1, 33, 66, 67].filter((rows) => rows >= least)) {
          for (const { first, from, to } of windowsOf(height, rows, filter.reach)) {
            const part = await applyFilter(filter, rowsOf(pixels, first, first + rows));
            const { scale } = filter;
            assertEquals(
              rowsOf(part, (from - first) * scale, (to - first) * scale).data,
              rowsOf(whole, from * scale, to * scale).data,
              `rows ${from} to ${to} of windows of ${rows} rows`,
            );
          }
        }
      }
    }
  }
});

/** A picture of random samples. */
function randomRaster(channels: number, height: number, width: number, bitDepth: 8 | 16): Raster {
  const largest = 2 ** bitDepth - 1;
  const { data } = Tensor.uniform([height * width * channels], { seed: channels });
  const samples = Array.from(data, (value) => Math.round(value * largest));
  return { width, height, channels, largest, bitDepth, samples };
}

Deno.test("filterStrips() makes the lines of the whole picture, strip by strip", async () => {
  using engine = new Engine();
  for (const bitDepth of [8, 16] as const) {
    for (const channels of [1, 2, 4]) {
      const raster = randomRaster(channels, 45, 12, bitDepth);
      for (const filter of filters(channels, engine)) {
        const lines = async (windowRows: number) => {
          const parts: Uint8Array<ArrayBuffer>[] = [];
          let rows = 0;
          for await (const strip of filterStrips(raster, filter, windowRows)) {
            parts.push(strip.lines);
            rows += strip.sourceRows;
          }
          assertEquals(rows, raster.height);
          return await new Blob(parts).bytes();
        };
        const whole = await lines(raster.height);
        const sampleBytes = bitDepth / 8;
        assertEquals(
          whole.length,
          45 * filter.scale * (1 + 12 * filter.scale * channels * sampleBytes),
        );
        assertEquals(await lines(2 * filter.reach + 4), whole);
      }
    }
  }
});

Deno.test("planStrips() takes more rows than most filters reach, and of large pictures never all", () => {
  using engine = new Engine({ threads: 1 });
  for (const filter of filters(3, engine)) {
    const picture = { width: 40_000, height: 30_000, channels: 3, bitDepth: 16 } as const;
    const { windowRows, bytes } = planStrips(filter, picture);
    assert(windowRows > 4 * filter.reach && windowRows < 100);
    const floats = 3 * windowRows * 40_000 * 4;
    assert(bytes > 2 * floats);
    const small = planStrips(filter, { ...picture, width: 30, height: 20 });
    assertEquals(small.windowRows, 20);
  }
});
