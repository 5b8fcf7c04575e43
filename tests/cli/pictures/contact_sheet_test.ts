import { assert, assertEquals } from "@std/assert";
import { blankCanvas } from "../../../src/cli/pictures/canvas.ts";
import type { Color } from "../../../src/cli/pictures/canvas.ts";
import { drawContactSheet, panelPlace } from "../../../src/cli/pictures/contact_sheet.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

const [HEIGHT, WIDTH] = [60, 90];
const COLORS: readonly Color[] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]];

Deno.test("drawContactSheet() places pictures in a grid, with text below each", () => {
  const panels = COLORS.map((color) => ({
    pixels: blankCanvas(HEIGHT, WIDTH, color),
    caption: "Emboss",
    detail: "",
  }));
  const sheet = drawContactSheet(panels);
  const [, sheetHeight = 0, sheetWidth = 0] = sheet.shape;
  const colorAt = (y: number, x: number) =>
    [0, 1, 2].map((channel) => sheet.data[(channel * sheetHeight + y) * sheetWidth + x]);
  const places = panels.map((_, index) => panelPlace(index, HEIGHT, WIDTH));
  for (const [index, { top, left }] of places.entries()) {
    assertEquals(colorAt(top, left), [...COLORS[index] ?? []]);
    assertEquals(colorAt(top + HEIGHT - 1, left + WIDTH - 1), [...COLORS[index] ?? []]);
    const paper = colorAt(0, 0);
    assertEquals([colorAt(top - 1, left), colorAt(top, left - 1)], [paper, paper]);
    const below = Array.from({ length: 20 }, (_, row) => colorAt(top + HEIGHT + 16 + row, left));
    assert(below.some(([red = 0]) => red > 0.5), "the stem of a capital E");
  }
  assertEquals(new Set(places.map(({ top }) => top)).size, 2);
  assert((places[4]?.top ?? 0) > HEIGHT && places[4]?.left === places[0]?.left);
});

Deno.test("drawContactSheet() aligns a small picture with the right edge of its panel", () => {
  const pixels = blankCanvas(HEIGHT, WIDTH, [0, 0, 0]);
  const inset = Tensor.ones([3, 9, 7]);
  const sheet = drawContactSheet([{ pixels, caption: "", detail: "", inset }]);
  const [, , sheetWidth = 0] = sheet.shape;
  const bright = [...sheet.data.keys()].filter((at) => sheet.data[at] === 1);
  assertEquals(bright.length, inset.size);
  const columns = bright.map((at) => at % sheetWidth);
  const { left } = panelPlace(0, HEIGHT, WIDTH);
  assertEquals([Math.min(...columns), Math.max(...columns)], [left + WIDTH - 7, left + WIDTH - 1]);
});
