import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decodeJpeg, readJpeg } from "../../../../src/io/pictures/jpeg.ts";
import { FileError } from "../../../../src/io/files.ts";
import { peekPicture } from "../../../../src/io/pictures/peek.ts";
import { decodePng } from "../../../../src/io/pictures/png.ts";
import { TestFolder } from "../../../_folder.ts";
import { hasCjpeg, hasImageMagick, runProgram } from "../../../_programs.ts";
import { readOrRefuse } from "../../_refused.ts";
import { GREY, header, huffman, jpegOf, QUANTIZATION, scan, segment, TABLES } from "./_jpeg.ts";

/** A file of libjpeg or ImageMagick, as `files.py` writes it. */
type JpegFile =
  & { readonly name: string; readonly bytes: string }
  & ({
    readonly shape: readonly [channels: number, height: number, width: number];
    /** The pixels as ImageMagick reads them, the channels of each beside each other; base64. */
    readonly pixels: string;
  } | { readonly error: string });

const FILES: readonly JpegFile[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

/** The samples of a picture, the channels of each pixel beside each other. */
function samplesOf(bytes: Uint8Array): Uint8Array {
  const { shape, data } = decodeJpeg(bytes).pixels;
  const [channels = 0, height = 0, width = 0] = shape;
  const plane = height * width;
  return Uint8Array.from(
    data,
    (_, place) =>
      Math.round(255 * (data[place % channels * plane + Math.floor(place / channels)] ?? NaN)),
  );
}

for (const file of FILES) {
  const bytes = Uint8Array.fromBase64(file.bytes);
  if ("error" in file) {
    Deno.test(`decodeJpeg() refuses a picture with ${file.name}`, () => {
      assertThrows(() => decodeJpeg(bytes), SyntaxError, file.error);
    });
    continue;
  }
  Deno.test(`decodeJpeg() reads a picture with ${file.name} as libjpeg does`, () => {
    const { pixels, bitDepth, warnings } = decodeJpeg(bytes);
    assertEquals([bitDepth, warnings], [8, []]);
    assertEquals(pixels.shape, file.shape);
    const expected = Uint8Array.fromBase64(file.pixels);
    const samples = samplesOf(bytes);
    // What black ink leaves of the others ImageMagick computes in another order.
    const most = file.name === "four inks" ? 1 : 0;
    const worst = samples.reduce(
      (worst, sample, place) => Math.max(worst, Math.abs(sample - (expected[place] ?? NaN))),
      0,
    );
    assert(worst <= most, `${worst} of 255`);
  });
}

Deno.test("decodeJpeg() reads the smallest pictures that can be made by hand", () => {
  assertEquals(new Set(samplesOf(GREY)), new Set([128]));
  const pieces: readonly (readonly [string, Uint8Array])[] = [
    ["fill bytes in front of a marker", jpegOf(TABLES, [0xff, 0xff], header(), scan(), [0x3f])],
    [
      "texts and other parts",
      jpegOf(segment(0xfe, [1]), segment(0xe5, []), TABLES, header(), scan(), [0x3f]),
    ],
    ["tables between header and data", jpegOf(header(), TABLES, scan(), [0x3f])],
    ["tables that are defined again", jpegOf(huffman(0, 9), TABLES, header(), scan(), [0x3f])],
    ["bytes behind the end", Uint8Array.of(...GREY, 1, 2, 3)],
    ["an extended header", jpegOf(TABLES, header({ marker: 0xc1 }), scan(), [0x3f])],
  ];
  for (const [name, bytes] of pieces) assertEquals(samplesOf(bytes).length, 64, name);
});

Deno.test("decodeJpeg() leaves out an orientation that is damaged, and says so", () => {
  const exif = (...bytes: readonly number[]) =>
    segment(0xe1, [0x45, 0x78, 0x69, 0x66, 0, 0, ...bytes]);
  const tiff = (value: number, kind = 3, count = 1) => [
    ...[0x49, 0x49, 42, 0, 8, 0, 0, 0, count, 0],
    ...[0x12, 1, kind, 0, 1, 0, 0, 0, value, 0, 0, 0],
  ];
  const read = (part: readonly number[]) =>
    decodeJpeg(jpegOf(part, TABLES, header({ width: 8, height: 5 }), scan(), [0x3f]));
  assertEquals(read(exif(...tiff(6))).pixels.shape, [1, 8, 5]);
  const damaged = [
    exif(),
    exif(...tiff(0)),
    exif(...tiff(9)),
    exif(...tiff(6, 4)),
    exif(...tiff(6).slice(0, 20)),
    exif(0x49, 0x49, 42, 0, 255, 255, 255, 255),
    exif(0x49, 0x4a, 42, 0, 8, 0, 0, 0),
    exif(0x4d, 0x4d, 42, 0, 0, 0, 0, 8, 0, 0),
  ];
  for (const part of damaged) {
    const { pixels, warnings } = read(part);
    assertEquals(pixels.shape, [1, 5, 8]);
    assertEquals(warnings.length, 1);
  }
  const others = tiff(1, 3, 2).with(10, 0x13);
  assertEquals(read(exif(...others, ...tiff(8).slice(10))).pixels.shape, [1, 8, 5]);
});

const PROGRESSIVE = header({ marker: 0xc2 });
const COLORS = header({ components: [[1, 0x11, 0], [2, 0x11, 0], [3, 0x11, 0]] });
const INKS = header({ components: [[1, 0x11, 0], [2, 0x11, 0], [3, 0x11, 0], [4, 0x11, 0]] });

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it is empty; expected a JPEG picture"],
  ["a text", new TextEncoder().encode("hello"), "it is not a JPEG picture"],
  [
    "a PNG file",
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    "it is a PNG file, not a JPEG",
  ],
  ["a start alone", Uint8Array.of(0xff, 0xd8), "it ends early: the JPEG picture has no end mark"],
  ["a start and an end", jpegOf(), "it is a damaged JPEG picture (it has no picture)"],
  ["no data", jpegOf(TABLES, header()), "a component has no data"],
  ["no header", jpegOf(TABLES, scan(), [0x3f]), "its picture data come before its header"],
  ["two headers", jpegOf(TABLES, header(), header(), scan(), [0x3f]), "it has two headers"],
  ["no end", GREY.slice(0, -2), "it ends early: the JPEG picture has no end mark"],
  ["half of an end", GREY.slice(0, -1), "it ends early"],
  ["no data before the end", jpegOf(TABLES, header(), scan()), "end before the picture does"],
  ["a segment past the end", jpegOf(segment(0xe0, [], 0xffff)), "it ends early"],
  ["a segment of length 1", jpegOf(segment(0xe0, [], 1)), "a part has a length of 1"],
  ["bytes between segments", jpegOf([1, 2], TABLES), "at byte 2 no part begins"],
  ["an unknown segment", jpegOf(segment(0xc8, [])), "it has a part of kind 200"],
  ["a lossless picture", jpegOf(header({ marker: 0xc3 })), "it is a lossless JPEG picture"],
  ["12 bits a sample", jpegOf(header({ precision: 12 })), "with 12 bits a sample; expected 8"],
  ["no rows", jpegOf(header({ height: 0 })), "it has no pixels"],
  ["no columns", jpegOf(header({ width: 0 })), "it has no pixels"],
  [
    "65535 x 65535 pixels",
    jpegOf(TABLES, header({ width: 65535, height: 65535 })),
    "it has 65535 x 65535 pixels",
  ],
  [
    "9999 x 9999 pixels in a few bytes",
    jpegOf(TABLES, header({ width: 9999, height: 9999 }), scan(), [0x3f]),
    "it claims 9999 x 9999 pixels, more than the 13 bytes behind its header can hold",
  ],
  ["no components", jpegOf(header({ components: [] })), "of 0 components"],
  [
    "two components",
    jpegOf(header({ components: [[1, 0x11, 0], [2, 0x11, 0]] })),
    "of 2 components",
  ],
  [
    "half a header",
    jpegOf(segment(0xc0, [8, 0, 8, 0, 8, 3, 1])),
    "it ends early, inside its JPEG header",
  ],
  [
    "a header that is too long",
    jpegOf(segment(0xc0, [8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0])),
    "is longer than",
  ],
  [
    "one number for two components",
    jpegOf(header({ components: [[1, 17, 0], [1, 17, 0], [2, 17, 0]] })),
    "one number",
  ],
  [
    "no samples in a group",
    jpegOf(header({ components: [[1, 0x01, 0]] })),
    "a component has 0 x 1 samples",
  ],
  [
    "five samples in a group",
    jpegOf(header({ components: [[1, 0x15, 0]] })),
    "a component has 1 x 5 samples",
  ],
  [
    "grids of two and three",
    jpegOf(header({ components: [[1, 0x31, 0], [2, 0x21, 0], [3, 0x11, 0]] })),
    "on grids that do not fit together",
  ],
  ["four inks without a word", jpegOf(TABLES, INKS, scan([1, 2, 3, 4]), [0]), "how they are meant"],
  [
    "no quantization table",
    jpegOf(huffman(0, 0), huffman(0x10, 0), header(), scan(), [0x3f]),
    "is missing",
  ],
  [
    "no Huffman table",
    jpegOf(QUANTIZATION, header(), scan(), [0x3f]),
    "a Huffman table is missing",
  ],
  ["half a quantization table", jpegOf(segment(0xdb, [0, 1, 1])), "inside its JPEG tables"],
  [
    "a quantization table 5",
    jpegOf(segment(0xdb, [5, ...new Array(64).fill(1)])),
    "a wrong number",
  ],
  [
    "a quantization table of 32 bits",
    jpegOf(segment(0xdb, [0x20, ...new Array(64).fill(1)])),
    "a wrong number",
  ],
  ["half a Huffman table", jpegOf(segment(0xc4, [0, 255])), "inside its JPEG tables"],
  [
    "a Huffman table without values",
    jpegOf(segment(0xc4, [0, 2, ...new Array(15).fill(0)])),
    "inside its",
  ],
  [
    "a Huffman table of three bits",
    jpegOf(segment(0xc4, [0, 3, ...new Array(15).fill(0), 1, 2, 3])),
    "too many codes",
  ],
  ["a Huffman table 4", jpegOf(segment(0xc4, [4, ...new Array(16).fill(0)])), "a wrong number"],
  [
    "a Huffman table of kind 2",
    jpegOf(segment(0xc4, [0x20, ...new Array(16).fill(0)])),
    "a wrong number",
  ],
  [
    "a code that stands for nothing",
    jpegOf(TABLES, header(), scan(), [0x80]),
    "stands for nothing",
  ],
  [
    "a first coefficient of 16 bits",
    jpegOf(TABLES, huffman(0, 16), header(), scan(), [0]),
    "has 16 bits",
  ],
  [
    "too many coefficients",
    jpegOf(TABLES, huffman(0x10, 0xf0), header(), scan(), [0]),
    "than it can hold",
  ],
  [
    "a run of ends in a plain picture",
    jpegOf(TABLES, huffman(0x10, 0x10), header(), scan(), [0]),
    "progressive",
  ],
  ["a scan of nothing", jpegOf(TABLES, header(), scan([]), [0]), "a scan is of 0 components"],
  ["a scan of 200 components", jpegOf(TABLES, COLORS, segment(0xda, [200, 1, 0])), "it ends early"],
  [
    "a scan of a component twice",
    jpegOf(TABLES, COLORS, scan([1, 1]), [0]),
    "a scan is of 2 components",
  ],
  [
    "a scan of another component",
    jpegOf(TABLES, header(), scan([7]), [0]),
    "of component 7, which is not there",
  ],
  [
    "a scan without one of three",
    jpegOf(TABLES, COLORS, scan([1, 2]), [0]),
    "a component has no data",
  ],
  [
    "half the header of a scan",
    jpegOf(TABLES, PROGRESSIVE, segment(0xda, [1, 1, 0]), [0]),
    "it ends early",
  ],
  [
    "coefficients in reverse",
    jpegOf(TABLES, PROGRESSIVE, scan([1], [9, 8, 0]), [0]),
    "coefficients 9 to 8",
  ],
  [
    "coefficient 64",
    jpegOf(TABLES, PROGRESSIVE, scan([1], [1, 64, 0]), [0]),
    "coefficients 1 to 64",
  ],
  [
    "first coefficients with others",
    jpegOf(TABLES, PROGRESSIVE, scan([1], [0, 63, 0]), [0]),
    "coefficients 0 to",
  ],
  ["bit 14", jpegOf(TABLES, PROGRESSIVE, scan([1], [0, 0, 14]), [0]), "bits 0 to 14"],
  [
    "bits in steps of two",
    jpegOf(TABLES, PROGRESSIVE, scan([1], [0, 0, 0x20]), [0]),
    "bits 2 to 0",
  ],
  [
    "new coefficients of two bits",
    jpegOf(TABLES, huffman(0x10, 2), PROGRESSIVE, scan([1], [1, 9, 0x10]), [0]),
    "new",
  ],
  [
    "a restart mark too many",
    jpegOf(TABLES, header(), scan(), [0x3f, 0xff, 0xd0, 0x3f]),
    "more or fewer marks",
  ],
  [
    "a wrong restart mark",
    jpegOf(TABLES, header(), scan(), [0x3f, 0xff, 0xd1, 0x3f]),
    "data is missing",
  ],
  [
    "no restart mark",
    jpegOf(TABLES, segment(0xdd, [0, 1]), header({ width: 16 }), scan(), [0x0f]),
    "more or fewer marks",
  ],
  [
    "a thousand scans",
    jpegOf(TABLES, PROGRESSIVE, ...new Array(1000).fill([...scan([1], [0, 0, 0x10]), 0x3f])),
    "in more than 100 scans",
  ],
];

for (const [name, bytes, message] of WRONG) {
  Deno.test(`decodeJpeg() refuses ${name}`, () => {
    assertThrows(() => decodeJpeg(bytes), SyntaxError, message);
    assertEquals(readOrRefuse(() => decodeJpeg(bytes)), null);
  });
}

Deno.test("decodeJpeg() refuses a file that is cut anywhere", () => {
  for (const name of ["samples 2x2", "samples 2x2 -progressive", "restart 3B"]) {
    const file = FILES.find((file) => file.name === name);
    const bytes = Uint8Array.fromBase64(file?.bytes ?? "");
    assert(bytes.length > 500);
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => decodeJpeg(bytes.subarray(0, length)), SyntaxError);
    }
  }
});

Deno.test("decodeJpeg() reads no more pixels than it may", () => {
  assertEquals(decodeJpeg(GREY, { mostPixels: 64 }).pixels.size, 64);
  const message = "it has 8 x 8 pixels, more than the 63 that may be read";
  assertThrows(() => decodeJpeg(GREY, { mostPixels: 63 }), SyntaxError, message);
  assertThrows(() => decodeJpeg(GREY, { mostPixels: 0 }), RangeError, "at least 1");
  assertThrows(() => decodeJpeg(GREY, JSON.parse('{ "most": 1 }')), TypeError, "mostPixels");
});

Deno.test("readJpeg() names the file in its errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.jpg");
  Deno.writeFileSync(path, GREY);
  assertEquals((await readJpeg(path)).pixels.shape, [1, 8, 8]);
  Deno.writeFileSync(path, GREY.slice(0, -1));
  await assertRejects(() => readJpeg(path), FileError, `Cannot read "${path}": it ends early`);
});

Deno.test({
  name: "decodeJpeg() reads large pictures of libjpeg as ImageMagick does",
  ignore: !hasCjpeg || !hasImageMagick,
  fn() {
    using folder = new TestFolder();
    const source = folder.file("source.ppm");
    runProgram("convert", "-size", "301x203", "-seed", "3", "plasma:red-blue", source);
    const modes = [["-sample", "2x2"], ["-sample", "2x1", "-progressive"], [
      "-sample",
      "1x2",
      "-restart",
      "1",
    ]];
    for (const [index, mode] of modes.entries()) {
      const path = folder.file(`${index}.jpg`);
      runProgram("cjpeg", "-quality", "85", ...mode, "-outfile", path, source);
      runProgram("convert", path, "-depth", "8", folder.file("read.png"));
      const expected = decodePng(Deno.readFileSync(folder.file("read.png"))).pixels;
      const { pixels } = decodeJpeg(Deno.readFileSync(path));
      assertEquals(pixels.shape, expected.shape);
      assertEquals(pixels.data, expected.data);
    }
  },
});

Deno.test("peekPicture() says of JPEG files what they will be when they are read", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.jpg");
  const long = new Array(5).fill(segment(0xfe, new Array(60_000).fill(7))).flat();
  for (const file of FILES) {
    const bytes = Uint8Array.fromBase64(file.bytes);
    for (const before of [[], long]) {
      const longer = Uint8Array.from([...bytes.subarray(0, 2), ...before, ...bytes.subarray(2)]);
      Deno.writeFileSync(path, longer);
      if ("error" in file) {
        await assertRejects(() => peekPicture(path), FileError, file.error);
        continue;
      }
      const { channels, height, width, bitDepth, readingBytes, read } = await peekPicture(path);
      assertEquals([[channels, height, width], bitDepth], [file.shape, 8], file.name);
      assert(readingBytes > longer.length + 3 * channels * height * width);
      const raster = await read();
      assertEquals([raster.channels, raster.height, raster.width], file.shape);
    }
  }
});

Deno.test("peekPicture() refuses what decodeJpeg() would, as far as it reads", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.jpg");
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [GREY.subarray(0, 3), "it ends early"],
    [jpegOf(TABLES, header({ width: 100 }), scan(), [0x3f]), "100 x 8 pixels, more than the 99"],
    [jpegOf(TABLES, header({ height: 60_000, width: 8 })), "more than the"],
    [jpegOf(TABLES, scan(), [0x3f]), "its picture data come before its header"],
    [jpegOf(TABLES), "its picture data come before its header"],
    [jpegOf(TABLES, [1, 2]), "no part begins"],
    [Uint8Array.from([...jpegOf([1, 2]), ...new Uint8Array(100_000)]), "no part begins"],
  ];
  for (const [bytes, message] of cases) {
    Deno.writeFileSync(path, bytes);
    const error = await assertRejects(
      () => peekPicture(path, { mostPixels: 99 }),
      FileError,
      message,
    );
    assert(error.message.startsWith(`Cannot read "${path}": it`), error.message);
  }
});
