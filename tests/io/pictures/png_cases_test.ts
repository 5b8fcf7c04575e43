import { assertEquals, assertThrows } from "@std/assert";
import { decodePng } from "../../../src/io/pictures/png.ts";
import type { LegalPng } from "./_png_cases.ts";
import { LEGAL, noise, WRONG } from "./_png_cases.ts";
import { TestFolder } from "../../_folder.ts";
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

/** ImageMagick, where it is installed. */
const MAGICK = ["magick", "convert"].find((name) => {
  try {
    const { stdout } = new Deno.Command(name, { args: ["-version"] }).outputSync();
    return new TextDecoder().decode(stdout).startsWith("Version: ImageMagick");
  } catch {
    return false;
  }
});

/** What all files have in common once they are pixels: red, green, blue and alpha of 16 bits. */
function rgbaOf({ width, height, channels, value }: LegalPng): number[] {
  const isColored = channels >= 3;
  const hasAlpha = channels % 2 === 0;
  return Array.from({ length: 4 * width * height }, (_, index) => {
    const [pixel, channel] = [index >> 2, index & 3];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    if (channel === 3) return hasAlpha ? value(x, y, channels - 1) : 1;
    return value(x, y, isColored ? channel : 0);
  }).map((fraction) => Math.round(fraction * 65535));
}

Deno.test({
  name: "ImageMagick sees the same pixels in the legal files",
  ignore: MAGICK === undefined,
  fn() {
    using folder = new TestFolder();
    // It compares a transparent colour with all 16 bits; the specification has it use those of a sample.
    const pngs = LEGAL.filter(({ name }) => !name.startsWith("bits above"));
    const paths = pngs.map(({ bytes }, index) => {
      const path = folder.file(`${index}.png`);
      Deno.writeFileSync(path, bytes);
      return path;
    });
    const args = [...paths, "-depth", "16", "-endian", "LSB", "rgba:-"];
    const { stdout } = new Deno.Command(MAGICK ?? "", { args }).outputSync();
    const view = new DataView(stdout.buffer);
    let at = 0;
    for (const png of pngs) {
      const expected = rgbaOf(png);
      const seen = expected.map((_, index) => view.getUint16(at + 2 * index, true));
      assertEquals(seen, expected, png.name);
      at += 2 * expected.length;
    }
    assertEquals(at, stdout.length);
  },
});
