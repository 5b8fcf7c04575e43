import { deflateSync } from "node:zlib";
import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError } from "../../../src/io/files.ts";
import { peekPicture } from "../../../src/io/pictures/peek.ts";
import { decodePng, encodePng, readPng, writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { chunk, headerOf, makePng, pngFrom, pngOf } from "./_png.ts";

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

/** A picture of one grey in 1 bit, which takes next to nothing. */
function emptyPng(width: number, height: number): Uint8Array {
  const line = new Array(Math.ceil(width / 8)).fill(0);
  return makePng({ width, height, bitDepth: 1, colorType: 0, lines: new Array(height).fill(line) });
}

Deno.test("decodePng() reads no more pixels than it may", () => {
  const png = emptyPng(30, 20);
  const message = "it has 30 x 20 pixels, more than the 599 that may be read";
  assertThrows(() => decodePng(png, { mostPixels: 599 }), SyntaxError, message);
  for (const mostPixels of [600, Infinity]) {
    assertEquals(decodePng(png, { mostPixels }).pixels.size, 600);
  }
  for (const mostPixels of [0, -1, NaN]) {
    assertThrows(() => decodePng(png, { mostPixels }), RangeError, "mostPixels must be at least 1");
  }
  const misspelt: object = { mostPixel: 1 };
  assertThrows(() => decodePng(png, misspelt), TypeError, 'did you mean "mostPixels"?');
});

Deno.test("decodePng() reads 100 million pixels at most unless told otherwise", () => {
  const line = new Uint8Array(1 + 20_000 / 8);
  const data = deflateSync(new Uint8Array(line.length * 20_000));
  const form = { width: 20_000, height: 20_000, bitDepth: 1, colorType: 0 };
  const png = pngOf(headerOf(form), chunk("IDAT", data), chunk("IEND"));
  const message = "it has 20000 x 20000 pixels, more than the 100000000 that may be read";
  assertThrows(() => decodePng(png), SyntaxError, message);
});

Deno.test("decodePng() unpacks no more than the picture takes", () => {
  const form = { width: 8, height: 8, bitDepth: 8, colorType: 0 };
  const zeros = deflateSync(new Uint8Array(2 ** 24));
  // Were it unpacked, the byte at its end that was changed would be found first.
  const bomb = zeros.with(-1, (zeros.at(-1) ?? 0) ^ 1);
  const png = pngOf(headerOf(form), chunk("IDAT", bomb), chunk("IEND"));
  assertThrows(() => decodePng(png), SyntaxError, "its picture data go on after its last line");
});

Deno.test("decodePng() lists no more warnings than anybody reads", () => {
  const texts = new Array(1000).fill(chunk("tEXt", [65], 1));
  const form = { width: 1, height: 1, bitDepth: 8, colorType: 0 };
  assertEquals(decodePng(pngFrom(form, () => 7, ...texts)).warnings.length, 8);
});

Deno.test("peekPicture() knows the channels from behind any number of other parts", async () => {
  using folder = new TestFolder();
  const form = { width: 3, height: 2, bitDepth: 8, colorType: 2 };
  const profile = chunk("iCCP", new Array(100_000).fill(1));
  const texts = new Array(9000).fill(chunk("tEXt", [65]));
  const key = chunk("tRNS", [0, 1, 0, 2, 0, 3]);
  const cases = [[], [key], [profile], [profile, key], [...texts, key], [key, ...texts]];
  for (const [index, chunks] of cases.entries()) {
    const path = folder.file(`${index}.png`);
    Deno.writeFileSync(path, pngFrom(form, () => 9, ...chunks));
    const peeked = await peekPicture(path);
    const { channels } = await peeked.read();
    assertEquals([peeked.channels, channels], chunks.includes(key) ? [4, 4] : [3, 3]);
  }
});

Deno.test("peekPicture() refuses what decodePng() would, as far as it reads", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.png");
  const picture = emptyPng(30, 20);
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [picture.slice(0, 40), "it ends early: the PNG file has no end mark"],
    [picture.with(16, 255), 'the checksum of its part "IHDR" is wrong'],
    [picture, "it has 30 x 20 pixels, more than the 100 that may be read"],
    [
      makePng({ width: 1, height: 1, bitDepth: 8, colorType: 3, lines: [[0]] }),
      "it has no palette in front of its picture data",
    ],
  ];
  for (const [bytes, message] of cases) {
    Deno.writeFileSync(path, bytes);
    const error = await assertRejects(
      () => peekPicture(path, { mostPixels: 100 }),
      FileError,
      message,
    );
    assertEquals(error.message.startsWith(`Cannot read "${path}": it `), true);
  }
  await assertRejects(() => readPng(path, { mostPixels: 0 }), RangeError, "readPng(): mostPixels");
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
