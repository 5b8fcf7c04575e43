import { assert, assertEquals } from "@std/assert";
import { CHART_SIZE, drawChart } from "../../../src/cli/pictures/chart.ts";

Deno.test("drawChart() stays between 0 and 1 and reaches both", () => {
  const { shape, data } = drawChart();
  assertEquals(shape, [3, CHART_SIZE, CHART_SIZE]);
  const plane = data.subarray(0, CHART_SIZE ** 2);
  assertEquals([Math.min(...plane), Math.max(...plane)], [0, 1]);
  assert(data.every((value) => value >= 0 && value <= 1));
});

Deno.test("drawChart() draws something else on each of nine tiles", () => {
  const { data } = drawChart();
  const size = CHART_SIZE / 3;
  const tiles = Array.from({ length: 9 }, (_, tile) => {
    const [top, left] = [Math.floor(tile / 3) * size, tile % 3 * size];
    return Array.from({ length: size }, (_, y) => {
      const at = (top + y) * CHART_SIZE + left;
      return [...data.subarray(at, at + size)];
    }).flat();
  });
  for (const tile of tiles) assert(new Set(tile).size > 1);
  assertEquals(new Set(tiles.map((tile) => tile.join())).size, 9);
});
