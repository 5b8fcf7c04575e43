import { assertEquals, assertThrows } from "@std/assert";
import { decodePng } from "../../../src/io/pictures/png.ts";
import type { LegalPng } from "./_png_cases.ts";
import { LEGAL, noise, WRONG } from "./_png_cases.ts";
import { pngFrom } from "./_png.ts";

/** The values of all pixels, plane by plane. */
function valuesOf({ width, height, channels, value }: LegalPng): Float32Array {
  const plane = width * height;
  return Float32Array.from({ length: channels * plane }, (_, index) => {
    const pixel = index % plane;
    return value(pixel % width, Math.floor(pixel / width), Math.floor(index / plane));
  });
}

for (const png of LEGAL) {
  Deno.test(`decodePng() reads ${png.name}`, () => {
    const { pixels, warnings } = decodePng(png.bytes);
    assertEquals(pixels.shape, [png.channels, png.height, png.width]);
    assertEquals(pixels.data, valuesOf(png));
    assertEquals(warnings, png.warnings);
  });
}

for (const { name, bytes, message } of WRONG) {
  Deno.test(`decodePng() refuses ${name}`, () => {
    const error = assertThrows(() => decodePng(bytes), SyntaxError, message);
    assertEquals(error.message.split("\n").length, 1);
  });
}

Deno.test("decodePng() reads interlaced pictures of every small size, where passes are empty", () => {
  for (const bitDepth of [1, 2, 4, 8, 16]) {
    for (let width = 1; width <= 9; width++) {
      for (let height = 1; height <= 9; height++) {
        const form = { width, height, bitDepth, colorType: 0 };
        const sample = noise(bitDepth);
        const interlaced = decodePng(pngFrom({ ...form, interlaced: true }, sample));
        const expected = Float32Array.from(
          { length: width * height },
          (_, pixel) => sample(pixel % width, Math.floor(pixel / width), 0) / (2 ** bitDepth - 1),
        );
        assertEquals(interlaced.pixels.data, expected, `${width} x ${height}, ${bitDepth} bits`);
      }
    }
  }
});
