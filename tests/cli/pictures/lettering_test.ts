import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { blankCanvas } from "../../../src/cli/pictures/canvas.ts";
import { drawText, textWidth } from "../../../src/cli/pictures/lettering.ts";

const [HEIGHT, WIDTH] = [40, 400];

/** The first channel of white text on black, and the rows and columns that it covers. */
function write(text: string, size: number, weight: number) {
  const canvas = blankCanvas(HEIGHT, WIDTH, [0, 0, 0]);
  drawText(canvas, text, 10, 30, { size, weight, color: [1, 1, 1] });
  const plane = canvas.data.slice(0, HEIGHT * WIDTH);
  const covered = [...plane.keys()].filter((pixel) => (plane[pixel] ?? 0) > 0.5);
  const rows = covered.map((pixel) => Math.floor(pixel / WIDTH));
  const columns = covered.map((pixel) => pixel % WIDTH);
  return {
    plane,
    rows: [Math.min(...rows), Math.max(...rows)],
    columns: [Math.min(...columns), Math.max(...columns)],
  };
}

Deno.test("drawText() keeps capitals between the baseline and their height, at any size", () => {
  for (const size of [10, 16, 20]) {
    const { rows, columns } = write("ET", size, 2);
    assertEquals(rows, [30 - size - 1, 30]);
    assertEquals(columns[0], 9);
    assertAlmostEquals(columns[1] ?? 0, 10 + textWidth("ET", size), 1);
  }
});

Deno.test("drawText() draws smooth edges, and nothing twice as strong", () => {
  const { plane } = write("convolution", 15, 2);
  assert(plane.every((value) => value >= 0 && value <= 1));
  assert(new Set(plane).size > 50);
});

Deno.test("drawText() draws every character differently, within the picture", () => {
  const characters = [..."ABCEGKLNPSTabcdefghijklmnopqrstuvwxyz0123456789,.×°"];
  const drawn = new Set(characters.map((character) => write(character, 20, 2).plane.join()));
  assertEquals(drawn.size, characters.length);
  const canvas = blankCanvas(4, 4, [0, 0, 0]);
  drawText(canvas, "m", -6, 7, { size: 20, weight: 4, color: [1, 1, 1] });
  assert(canvas.data.every((value) => value >= 0 && value <= 1));
});

Deno.test("drawText() names a character that it cannot draw", () => {
  assertThrows(() => write("a§b", 10, 1), RangeError, 'There is no glyph for "§"');
  assertThrows(() => textWidth("§", 10), RangeError);
});

Deno.test("textWidth() grows with the size and the text", () => {
  assertAlmostEquals(textWidth("edges", 20), 2 * textWidth("edges", 10), 1e-9);
  assert(textWidth("a b", 10) > textWidth("ab", 10));
  assertEquals(textWidth("", 10), 0);
});
