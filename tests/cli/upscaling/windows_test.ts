import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { planWindows, type Span } from "../../../src/cli/upscaling/windows.ts";

/** Where all groups of outputs begin, and what a cut spoils. */
const GRID = 12;
const MARGIN = 36;

function checkSpans(spans: readonly Span[], length: number, most: number): void {
  let kept = 0;
  for (const { first, count, from, to } of spans) {
    assertEquals([from, first % GRID], [kept, 0]);
    assert(count <= most && first >= 0 && first + count <= length && to > from);
    assert(first === 0 || from - first >= MARGIN);
    assert(first + count === length || first + count - to >= MARGIN);
    kept = to;
  }
  assertEquals(kept, length);
}

Deno.test("Windows cover a picture, begin on the grid and overlap by what cuts spoil", () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 20_000 }));
  fc.assert(
    fc.property(size, size, fc.integer({ min: 1, max: 400_000 }), (height, width, pixels) => {
      const fits = (rows: number, columns: number) => rows * columns <= pixels;
      const windows = planWindows(height, width, fits);
      checkSpans(windows.rows, height, windows.height);
      checkSpans(windows.columns, width, windows.width);
      if (height * width <= pixels) assertEquals([windows.height, windows.width], [height, width]);
      if (pixels >= 227 * 227) assert(windows.height * windows.width <= pixels);
    }),
    { seed: 14, numRuns: 500 },
  );
});

Deno.test("Windows have the fewest pixels that are possible", () => {
  const { rows, columns } = planWindows(800, 1200, (height, width) => height * width <= 400_000);
  const pixels = rows.flatMap(({ count }) => columns.map((column) => count * column.count));
  assertEquals(pixels.length, 3);
  assertEquals(planWindows(800, 1200, () => true).rows, [
    { first: 0, count: 800, from: 0, to: 800 },
  ]);
});

Deno.test("Where no window fits, the smallest ones are chosen", () => {
  const { height, width } = planWindows(1000, 1000, () => false);
  assertEquals([height, width], [108 + GRID - 1, 216 + GRID - 1]);
});
