import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError } from "../../../src/io/files.ts";
import { decodePng, encodePng, readPng, writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { makePng } from "./_png.ts";

/** A tensor's values in steps of a bit depth. */
function steps({ data }: Tensor, bitDepth: 8 | 16): number[] {
  return Array.from(data, (value) => Math.round(value * (2 ** bitDepth - 1)));
}

Deno.test("decodePng() reads back every value of every kind of picture encodePng() writes", async () => {
  for (const bitDepth of [8, 16] as const) {
    const largest = 2 ** bitDepth - 1;
    for (const channels of [1, 2, 3, 4]) {
      const count = channels * 16 * 256;
      const values = Float32Array.from(
        { length: count },
        (_, index) => (bitDepth === 8 ? index % 256 : index * 65535 % 65536) / largest,
      );
      const pixels = new Tensor(values, [channels, 16, 256]);
      const copy = decodePng(await encodePng({ pixels, bitDepth }));
      assertEquals(copy.bitDepth, bitDepth);
      assertEquals(copy.pixels.shape, pixels.shape);
      assertEquals(copy.pixels.data, values);
    }
  }
});

Deno.test("decodePng() puts the channels on planes", () => {
  const png = makePng({
    width: 2,
    height: 1,
    bitDepth: 8,
    colorType: 2,
    lines: [[255, 0, 51, 0, 255, 102]],
  });
  const { pixels } = decodePng(png);
  assertEquals(pixels.shape, [3, 1, 2]);
  assertEquals(steps(pixels, 8), [255, 0, 0, 255, 51, 102]);
});

Deno.test("decodePng() reads 16 bits with the high byte first", () => {
  const png = makePng({
    width: 1,
    height: 1,
    bitDepth: 16,
    colorType: 4,
    lines: [[0x12, 0x34, 0xff, 0xff]],
  });
  const { pixels, bitDepth } = decodePng(png);
  assertEquals(bitDepth, 16);
  assertEquals(steps(pixels, 16), [0x1234, 0xffff]);
});

Deno.test("decodePng() unpacks grey samples of 1, 2 and 4 bits, line by line", () => {
  const cases = [
    { bitDepth: 1, lines: [[0b10100000], [0b01000000]], expected: [1, 0, 1, 0, 1, 0] },
    {
      bitDepth: 2,
      lines: [[0b00011000], [0b11011100]],
      expected: [0, 1 / 3, 2 / 3, 1, 1 / 3, 1],
    },
    {
      bitDepth: 4,
      lines: [[0x0f, 0x30], [0x96, 0xc0]],
      expected: [0, 1, 0.2, 0.6, 0.4, 0.8],
    },
  ];
  for (const { bitDepth, lines, expected } of cases) {
    const picture = decodePng(makePng({ width: 3, height: 2, bitDepth, colorType: 0, lines }));
    assertEquals(picture.bitDepth, 8);
    expected.forEach((value, index) => {
      assertAlmostEquals(picture.pixels.data[index] ?? NaN, value, 1e-6);
    });
  }
});

Deno.test("decodePng() turns a palette into RGB, and into RGBA if it has transparent colours", () => {
  const palette = ["PLTE", [255, 0, 0, 0, 255, 0, 1, 2, 3]] as const;
  const parts = { width: 3, height: 1, bitDepth: 2, colorType: 3, lines: [[0b00011000]] };
  const opaque = decodePng(makePng({ ...parts, chunks: [palette] })).pixels;
  assertEquals(opaque.shape, [3, 1, 3]);
  assertEquals(steps(opaque, 8), [255, 0, 1, 0, 255, 2, 0, 0, 3]);
  const alpha = decodePng(makePng({ ...parts, chunks: [palette, ["tRNS", [0, 128]]] })).pixels;
  assertEquals(alpha.shape, [4, 1, 3]);
  assertEquals(steps(alpha, 8).slice(9), [0, 128, 255]);
});

Deno.test("decodePng() reads an RGB file that carries a palette as a hint as RGB", () => {
  const png = makePng({
    width: 1,
    height: 1,
    bitDepth: 8,
    colorType: 2,
    lines: [[7, 8, 9]],
    chunks: [["PLTE", [1, 2, 3]]],
  });
  assertEquals(steps(decodePng(png).pixels, 8), [7, 8, 9]);
});

Deno.test("decodePng() makes an alpha channel of a colour that stands for transparent", () => {
  const grey = makePng({
    width: 3,
    height: 1,
    bitDepth: 8,
    colorType: 0,
    lines: [[5, 6, 5]],
    chunks: [["tRNS", [0, 5]]],
  });
  assertEquals(steps(decodePng(grey).pixels, 8), [5, 6, 5, 0, 255, 0]);
  const rgb = makePng({
    width: 3,
    height: 1,
    bitDepth: 8,
    colorType: 2,
    lines: [[1, 2, 3, 1, 2, 4, 3, 2, 1]],
    chunks: [["tRNS", [0, 1, 0, 2, 0, 3]]],
  });
  assertEquals(decodePng(rgb).pixels.shape, [4, 1, 3]);
  assertEquals(steps(decodePng(rgb).pixels, 8).slice(9), [0, 255, 255]);
});

Deno.test("decodePng() reads an interlaced file of whole bytes and rejects one of fewer bits", () => {
  const parts = { width: 2, height: 1, colorType: 0, interlaced: true };
  // The first pass has the pixel on the left, the sixth the one on the right.
  const whole = makePng({ ...parts, bitDepth: 8, lines: [[10], [20]] });
  assertEquals(steps(decodePng(whole).pixels, 8), [10, 20]);
  const packed = makePng({ ...parts, bitDepth: 4, lines: [[0xa0], [0xb0]] });
  assertThrows(() => decodePng(packed), SyntaxError, "it is interlaced with 4 bits per sample");
});

Deno.test("decodePng() rejects a file that ends early, wherever it ends", async () => {
  const whole = await encodePng({ pixels: Tensor.uniform([3, 9, 9], { seed: 1 }), bitDepth: 8 });
  for (let length = 0; length < whole.length; length++) {
    const message = length === 0 ? "it is empty" : "it ends early";
    assertThrows(() => decodePng(whole.slice(0, length)), SyntaxError, message);
  }
});

Deno.test("decodePng() rejects a file with any one byte changed", async () => {
  const whole = await encodePng({ pixels: Tensor.uniform([1, 5, 5], { seed: 1 }), bitDepth: 8 });
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x40;
    assertThrows(() => decodePng(changed), SyntaxError, "", `byte ${at}`);
  }
});

Deno.test("decodePng() believes no header before it has weighed the data", () => {
  const parts = { bitDepth: 8, colorType: 2, lines: [[1, 2, 3]] };
  assertThrows(
    () => decodePng(makePng({ ...parts, width: 60_000, height: 60_000 })),
    SyntaxError,
    "it claims 60000 x 60000 pixels, more than its",
  );
  assertThrows(
    () => decodePng(makePng({ ...parts, width: 0, height: 1 })),
    SyntaxError,
    "it has no pixels",
  );
});

Deno.test("decodePng() rejects a file with fewer lines than its header says", () => {
  const parts = { width: 3, height: 3, bitDepth: 8, colorType: 0 };
  const short = makePng({ ...parts, lines: [[1, 2, 3], [4, 5, 6]] });
  assertThrows(() => decodePng(short), SyntaxError, "it is a damaged PNG file");
});

Deno.test("encodePng() brings values into range and NaN to 0", async () => {
  const pixels = new Tensor([-1, 0.5, 2, NaN, Infinity, -Infinity], [1, 1, 6]);
  const copy = decodePng(await encodePng({ pixels, bitDepth: 8 }));
  assertEquals(steps(copy.pixels, 8), [0, 128, 255, 0, 255, 0]);
});

Deno.test("encodePng() rejects what is no picture", async () => {
  for (const shape of [[2, 2], [5, 2, 2], [0, 2, 2], [3, 0, 2], [1, 3, 2, 2]]) {
    const pixels = Tensor.zeros(shape);
    await assertRejects(
      () => encodePng({ pixels, bitDepth: 8 }),
      RangeError,
      "A picture needs a shape",
    );
  }
});

Deno.test("readPng() and writePng() name the file in their errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.png");
  Deno.writeTextFileSync(path, "hello");
  const message = `Cannot read "${path}": it is not a PNG file`;
  await assertRejects(() => readPng(path), FileError, message);
  const picture = { pixels: Tensor.ones([1, 2, 2]), bitDepth: 8 } as const;
  await writePng(path, picture);
  assertEquals((await readPng(path)).pixels.data, picture.pixels.data);
  await assertRejects(() => writePng(folder.file("no/a.png"), picture), FileError, "Cannot write");
});
