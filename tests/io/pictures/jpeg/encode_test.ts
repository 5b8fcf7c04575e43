import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { decodeJpeg, encodeJpeg } from "../../../../src/io/pictures/jpeg.ts";
import { checkTable } from "../../../../src/io/pictures/jpeg/huffman.ts";
import { codeOfFrequencies } from "../../../../src/io/pictures/jpeg/huffman_code.ts";
import { Tensor } from "../../../../src/tensor/tensor.ts";
import { draws } from "../../../_depth.ts";
import { TestFolder } from "../../../_folder.ts";
import { hasImageMagick, runProgram } from "../../../_programs.ts";

/** A picture without edges, as large as is wanted. */
function smooth([channels, height, width]: readonly [number, number, number]): Tensor {
  const pixels = Tensor.zeros([channels, height, width]);
  for (let at = 0; at < pixels.size; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    pixels.data[at] = 0.5 + 0.4 * Math.sin(x / 9 + y / (7 * height)) * Math.cos(y / 8);
  }
  return pixels;
}

/** The most by which two pictures differ, in grey levels. */
function levels(a: Tensor, b: Tensor): number {
  assertEquals(a.shape, b.shape);
  return a.data.reduce((most, value, at) => {
    return Math.max(most, 255 * Math.abs(value - (b.data[at] ?? NaN)));
  }, 0);
}

Deno.test("decodeJpeg() reads what encodeJpeg() writes, of any size", () => {
  const size = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(fc.constantFrom(1, 3), size, size, (channels, height, width) => {
      const pixels = smooth([channels, height, width]);
      assert(levels(decodeJpeg(encodeJpeg({ pixels }, { quality: 100 })).pixels, pixels) <= 4);
    }),
    { seed: 90, numRuns: draws(100) },
  );
});

Deno.test("encodeJpeg() loses less, and takes more bytes, at a higher quality", () => {
  const pixels = smooth([3, 90, 70]);
  const files = [1, 10, 50, 90, 100].map((quality) => encodeJpeg({ pixels }, { quality }));
  const lost = files.map((bytes) => levels(decodeJpeg(bytes).pixels, pixels));
  files.slice(1).forEach((bytes, index) => {
    assert(bytes.length > (files[index]?.length ?? 0));
    assert((lost[index + 1] ?? NaN) < (lost[index] ?? NaN));
  });
  assertEquals(encodeJpeg({ pixels }), files[3]);
});

Deno.test("encodeJpeg() writes noise, black, white and pure colours", () => {
  const best = { quality: 100 };
  const noise = Tensor.uniform([3, 33, 47], { seed: 1 });
  assert(levels(decodeJpeg(encodeJpeg({ pixels: noise }, best)).pixels, noise) <= 4);
  for (const color of [[0], [1], [0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) {
    const pixels = Tensor.from(color.map((value) => [[value, value], [value, value]]));
    assert(levels(decodeJpeg(encodeJpeg({ pixels }, best)).pixels, pixels) <= 2, `${color}`);
  }
  // Blocks of black beside blocks of white have the largest differences.
  const board = Tensor.zeros([1, 64, 64]);
  for (let at = 0; at < board.size; at++) board.data[at] = (at >> 3) + (at >> 9) & 1;
  assert(levels(decodeJpeg(encodeJpeg({ pixels: board }, best)).pixels, board) <= 1);
  const lines = Tensor.zeros([1, 64, 64]);
  for (let at = 0; at < lines.size; at++) lines.data[at] = at & 1;
  assert(levels(decodeJpeg(encodeJpeg({ pixels: lines }, best)).pixels, lines) <= 2);
});

Deno.test("encodeJpeg() brings values into range, and NaN to 0", () => {
  const pixels = Tensor.zeros([1, 16, 8]);
  pixels.data.fill(-7, 0, 32).fill(NaN, 32, 64).fill(Infinity, 64, 128);
  const { data } = decodeJpeg(encodeJpeg({ pixels })).pixels;
  assertEquals([...data], [...new Array(64).fill(0), ...new Array(64).fill(1)]);
});

Deno.test("encodeJpeg() rejects what it cannot write", () => {
  const wrong = <Value>(value: unknown) => value as Value;
  const pixels = Tensor.zeros([1, 2, 2]);
  for (const shape of [[2, 2], [2, 2, 2], [4, 2, 2], [1, 0, 2], [1, 65536, 1], [1, 1, 2, 2]]) {
    assertThrows(
      () => encodeJpeg({ pixels: Tensor.zeros(shape) }),
      RangeError,
      "encodeJpeg(): pixels must have a shape (C, H, W) with 1 or 3 channels",
    );
  }
  for (const quality of [0, 101, 1.5]) {
    assertThrows(() => encodeJpeg({ pixels }, { quality }), RangeError, "quality");
  }
  assertThrows(() => encodeJpeg({ pixels }, wrong({ quality: "90" })), TypeError, "quality");
  assertThrows(() => encodeJpeg({ pixels }, wrong({ qualty: 90 })), TypeError, "quality");
});

Deno.test("codeOfFrequencies() makes codes of at most 16 bits that tell all values apart", () => {
  const frequency = fc.oneof(fc.constant(0), fc.nat({ max: 9 }), fc.nat({ max: 1e9 }));
  fc.assert(
    fc.property(fc.array(frequency, { maxLength: 256 }), (list) => {
      const frequencies = new Float64Array(256);
      frequencies.set(list);
      const { table, lengths } = codeOfFrequencies(frequencies);
      checkTable(table);
      const used = list.flatMap((frequency, value) => frequency > 0 ? [value] : []);
      assertEquals([...table.values].sort((a, b) => a - b), used);
      assertEquals(used.filter((value) => !(lengths[value] ?? 0)), []);
      // One code of the longest is left, so that there is none of ones alone.
      const places = used.reduce((sum, value) => sum + 2 ** -(lengths[value] ?? 0), 0);
      assert(places < 1);
      // What comes more often has no more bits.
      const sorted = used.map((value) => ({ often: list[value] ?? 0, bits: lengths[value] ?? 0 }))
        .sort((a, b) => b.often - a.often || a.bits - b.bits);
      sorted.slice(1).forEach(({ often, bits }, index) => {
        const before = sorted[index] ?? { often: NaN, bits: NaN };
        assert(before.often === often || before.bits <= bits);
      });
    }),
    { seed: 91, numRuns: draws(300) },
  );
});

Deno.test("codeOfFrequencies() cuts codes that would be longer than 16 bits", () => {
  // With Fibonacci numbers each code is one bit longer than the one before.
  const frequencies = new Float64Array(256);
  for (let [value, a, b] = [0, 1, 1]; value < 40; [value, a, b] = [value + 1, b, a + b]) {
    frequencies[value] = a;
  }
  const { table, lengths } = codeOfFrequencies(frequencies);
  checkTable(table);
  assertEquals(lengths[39], 1);
  assertEquals(Math.max(...lengths), 16);
  assertEquals(table.values.length, 40);
});

Deno.test("codeOfFrequencies() takes as many bits as the best code does", () => {
  const frequencies = new Float64Array(256);
  frequencies.set([8, 4, 2, 1]);
  // With the code that is left out these are the lengths of a halving tree.
  assertEquals([...codeOfFrequencies(frequencies).lengths.subarray(0, 4)], [1, 2, 3, 4]);
});

Deno.test({
  name: "ImageMagick reads of encodeJpeg() what decodeJpeg() does",
  ignore: !hasImageMagick,
  fn() {
    using folder = new TestFolder();
    for (const shape of [[1, 9, 17], [3, 16, 8], [3, 31, 45]] as const) {
      for (const quality of [5, 90, 100]) {
        const path = folder.file("a.jpg");
        const bytes = encodeJpeg({ pixels: smooth(shape) }, { quality });
        Deno.writeFileSync(path, bytes);
        const form = shape[0] === 1 ? "gray" : "rgb";
        const raw = runProgram("convert", path, "-depth", "8", `${form}:-`);
        const { data } = decodeJpeg(bytes).pixels;
        const plane = shape[1] * shape[2];
        raw.forEach((level, at) => {
          const value = data[at % shape[0] * plane + Math.floor(at / shape[0])] ?? NaN;
          assertAlmostEquals(level, 255 * value, 0.01);
        });
      }
    }
  },
});
