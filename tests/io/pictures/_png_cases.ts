/**
 * PNG files for every rule of the specification that a reader has to know: the legal ones with their pixels, the
 * others with what has to be said of them.
 *
 * @module
 */

import { deflateRawSync, deflateSync } from "node:zlib";
import type { Form, Sample } from "./_png.ts";
import { channelsOf, chunk, headerOf, linesOf, pngFrom, pngOf, word } from "./_png.ts";

/** A file that has to be read. */
export interface LegalPng {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** The value of a pixel from 0 to 1. */
  readonly value: Sample;
  /** What is left out, in order. */
  readonly warnings: readonly string[];
}

/** A file that must not be read. */
export interface WrongPng {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly message: string;
}

const COLOR_TYPES: Readonly<Record<number, string>> = {
  0: "grey",
  2: "RGB",
  3: "palette",
  4: "grey and alpha",
  6: "RGB and alpha",
};

const FORMS: readonly (readonly [colorType: number, bitDepths: readonly number[]])[] = [
  [0, [1, 2, 4, 8, 16]],
  [2, [8, 16]],
  [3, [1, 2, 4, 8]],
  [4, [8, 16]],
  [6, [8, 16]],
];

/** Samples that look like noise and are the same every time. */
export function noise(bitDepth: number): Sample {
  return (x, y, channel) => {
    const mixed = Math.imul((x + 1) * 7919 + (y + 1) * 104729 + channel * 1299709, 0x9e3779b1);
    return mixed >>> (32 - bitDepth);
  };
}

/** A palette of so many colours, all different. */
function paletteOf(colors: number): number[] {
  return Array.from({ length: colors }, (_, place) => [place, 255 - place, place * 7 & 255]).flat();
}

function palette(colors: number): readonly number[] {
  return chunk("PLTE", paletteOf(colors));
}

function colorAt(place: number, channel: number): number {
  return (paletteOf(256)[3 * place + channel] ?? NaN) / 255;
}

function legal(
  name: string,
  form: Form,
  bytes: Uint8Array,
  channels: number,
  value: Sample,
  warnings: readonly string[] = [],
): LegalPng {
  return { name, bytes, width: form.width, height: form.height, channels, value, warnings };
}

/** A file that is read as if the chunks in front of its data were not there. */
function unimpressed(
  name: string,
  form: Form,
  warnings: readonly string[],
  ...chunks: readonly (readonly number[])[]
): LegalPng {
  const sample = noise(form.bitDepth);
  return plain(name, form, pngFrom(form, sample, ...chunks), warnings);
}

/** A file whose samples are its values. */
function plain(
  name: string,
  form: Form,
  bytes: Uint8Array,
  warnings: readonly string[] = [],
): LegalPng {
  const sample = noise(form.bitDepth);
  const largest = 2 ** form.bitDepth - 1;
  const value: Sample = (x, y, channel) => sample(x, y, channel) / largest;
  return legal(name, form, bytes, channelsOf(form), value, warnings);
}

/** Every colour type and depth, every filter, in one pass and in seven. */
function everyForm(): readonly LegalPng[] {
  return [false, true].flatMap((interlaced) =>
    FORMS.flatMap(([colorType, bitDepths]) =>
      bitDepths.map((bitDepth) => {
        const form = { width: 13, height: 11, colorType, bitDepth, interlaced };
        const name = `${COLOR_TYPES[colorType]}, ${bitDepth} bits${
          interlaced ? ", interlaced" : ""
        }`;
        if (colorType !== 3) return unimpressed(name, form, []);
        const sample = noise(bitDepth);
        const bytes = pngFrom(form, sample, palette(2 ** bitDepth));
        return legal(name, form, bytes, 3, (x, y, channel) => colorAt(sample(x, y, 0), channel));
      })
    )
  );
}

/** One colour is transparent: it is that of the pixel at the top left, and nearly that of the one beside it. */
function withKey(
  name: string,
  form: Form,
  { above = 0 }: { readonly above?: number } = {},
): LegalPng {
  const { bitDepth } = form;
  const largest = 2 ** bitDepth - 1;
  const channels = channelsOf(form);
  const random = noise(bitDepth);
  const sample: Sample = (x, y, channel) =>
    y === 0 && x === 1
      ? random(0, 0, channel) ^ (channel === channels - 1 ? 1 : 0)
      : random(x, y, channel);
  const key = Array.from({ length: channels }, (_, channel) => random(0, 0, channel));
  const isKey = (x: number, y: number) =>
    key.every((value, channel) => sample(x, y, channel) === value);
  const words = key.flatMap((value) => [...word(value | above)].slice(2));
  const bytes = pngFrom(form, sample, chunk("tRNS", words));
  const value: Sample = (x, y, channel) =>
    channel < channels ? sample(x, y, channel) / largest : isKey(x, y) ? 0 : 1;
  return legal(name, form, bytes, channels + 1, value);
}

const GREY: Form = { width: 5, height: 3, bitDepth: 8, colorType: 0 };
const RGB: Form = { width: 5, height: 3, bitDepth: 8, colorType: 2 };
const RGBA: Form = { width: 5, height: 3, bitDepth: 8, colorType: 6 };
const PALETTE: Form = { width: 5, height: 3, bitDepth: 2, colorType: 3 };

function keys(): readonly LegalPng[] {
  return [
    ...[1, 2, 4, 8, 16].map((bitDepth) =>
      withKey(`a transparent grey of ${bitDepth} bits`, { ...GREY, bitDepth })
    ),
    withKey("a transparent colour of 16 bits", { ...RGB, bitDepth: 16 }),
    ...[[1, 1], [2, 1], [1, 2], [2, 2], [5, 3]].map(([width = 0, height = 0]) =>
      withKey(`a transparent colour, ${width} x ${height}`, { ...RGB, width, height })
    ),
    withKey("a transparent colour, interlaced", { ...RGB, interlaced: true }),
    withKey("bits above a transparent grey of 8 bits", GREY, { above: 0xa500 }),
    withKey("bits above a transparent grey of 2 bits", { ...GREY, bitDepth: 2 }, { above: 0xfff0 }),
    withKey("bits above a transparent colour of 8 bits", RGB, { above: 0x0100 }),
  ];
}

function palettes(): readonly LegalPng[] {
  const sample = noise(2);
  const alpha = [0, 128, 255];
  const color: Sample = (x, y, channel) => colorAt(sample(x, y, 0), channel);
  const one: Form = { ...PALETTE, bitDepth: 1 };
  const warning = (reason: string) => [`its part "tRNS" is left out: ${reason}`];
  return [
    legal(
      "a palette with alpha for some of its colours",
      PALETTE,
      pngFrom(PALETTE, sample, palette(4), chunk("tRNS", alpha)),
      4,
      (x, y, channel) => channel < 3 ? color(x, y, channel) : (alpha[sample(x, y, 0)] ?? 255) / 255,
    ),
    legal(
      "a palette of one colour",
      one,
      pngFrom(one, () => 0, palette(1)),
      3,
      (_x, _y, channel) => colorAt(0, channel),
    ),
    legal(
      "more alpha than a palette has colours",
      PALETTE,
      pngFrom(PALETTE, sample, palette(4), chunk("tRNS", [1, 2, 3, 4, 5])),
      3,
      color,
      warning("it is for 5 colours, but the palette has 4"),
    ),
    legal(
      "alpha in front of the palette",
      PALETTE,
      pngFrom(PALETTE, sample, chunk("tRNS", alpha), palette(4)),
      3,
      color,
      warning("it comes before the palette"),
    ),
    unimpressed("RGB with a palette as a hint", RGB, [], palette(7)),
    unimpressed("RGB and alpha with a palette as a hint", RGBA, [], palette(7)),
    ...[GREY, { ...GREY, colorType: 4 }].map((form) =>
      unimpressed(
        `${COLOR_TYPES[form.colorType]} with a stray palette`,
        form,
        ['its part "PLTE" is left out: a grey picture has no palette'],
        palette(256),
      )
    ),
  ];
}

/** Chunks that a picture is right without. */
function ancillary(): readonly LegalPng[] {
  const left = (type: string, reason: string) => [`its part "${type}" is left out: ${reason}`];
  const damaged = (type: string, data: readonly number[]) =>
    unimpressed(
      `a damaged ${type}`,
      RGB,
      left(type, "its checksum is wrong"),
      chunk(type, data, 1),
    );
  const strange = (type: string, data: readonly number[]) =>
    unimpressed(`a ${type} with nonsense in it`, RGB, [], chunk(type, data));
  return [
    ...[
      "iCCP",
      "tEXt",
      "zTXt",
      "iTXt",
      "pHYs",
      "gAMA",
      "cHRM",
      "sRGB",
      "tIME",
      "eXIf",
      "acTL",
      "prIv",
    ]
      .flatMap((type) => [damaged(type, [1, 2, 3]), strange(type, [255, 0, 1])]),
    damaged("tRNS", [0, 1, 0, 2, 0, 3]),
    ...[GREY, RGB].map((form) =>
      unimpressed(
        `a transparent ${COLOR_TYPES[form.colorType]} of three bytes`,
        form,
        left("tRNS", `it takes 3 bytes; expected ${2 * channelsOf(form)}`),
        chunk("tRNS", [0, 0, 0]),
      )
    ),
    ...[RGBA, { ...RGBA, colorType: 4 }].map((form) =>
      unimpressed(
        `a transparent colour in ${COLOR_TYPES[form.colorType]}`,
        form,
        left("tRNS", "the picture has alpha already"),
        chunk("tRNS", [0, 1, 0, 2, 0, 3]),
      )
    ),
    plain(
      "a transparent colour behind the data",
      RGB,
      pngOf(headerOf(RGB), data(RGB), chunk("tRNS", [0, 1, 0, 2, 0, 3]), chunk("IEND")),
      left("tRNS", "it comes behind the picture data"),
    ),
    unimpressed("a text without end", RGB, [], chunk("tEXt", new Array(70_000).fill(65))),
    plain(
      "a text behind the data",
      RGB,
      pngOf(headerOf(RGB), data(RGB), chunk("tEXt"), chunk("IEND")),
    ),
  ];
}

/** The compressed data of a picture. */
function packed(form: Form): Uint8Array {
  return deflateSync(linesOf(form, noise(form.bitDepth)));
}

function data(form: Form): readonly number[] {
  return chunk("IDAT", packed(form));
}

/** A file whose data chunk is this. */
function fileOf(form: Form, ...chunks: readonly (readonly number[])[]): Uint8Array {
  return pngOf(headerOf(form), ...chunks, chunk("IEND"));
}

/** A zlib stream of bytes as they are, in stored blocks of a few bytes. */
function storedStream(bytes: Uint8Array): readonly number[] {
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += 7) {
    const part = bytes.subarray(at, at + 7);
    const last = at + 7 >= bytes.length ? 1 : 0;
    blocks.push(last, part.length, 0, 255 - part.length, 255, ...part);
  }
  return [0x78, 0x01, ...blocks, ...deflateSync(bytes).subarray(-4)];
}

function streams(): readonly LegalPng[] {
  const lines = linesOf(RGB, noise(8));
  const stream = packed(RGB);
  const single = [...stream].map((byte) => chunk("IDAT", [byte]));
  const small = deflateSync(lines, { windowBits: 9 });
  const end = (bytes: readonly number[]) => Uint8Array.of(...fileOf(RGB, data(RGB)), ...bytes);
  return [
    plain("data in chunks of one byte", RGB, fileOf(RGB, ...single)),
    plain(
      "empty data chunks in front, between and behind",
      RGB,
      fileOf(
        RGB,
        chunk("IDAT"),
        chunk("IDAT", stream.subarray(0, 9)),
        chunk("IDAT"),
        chunk("IDAT", stream.subarray(9)),
        chunk("IDAT"),
      ),
    ),
    plain("data that are not compressed", RGB, fileOf(RGB, chunk("IDAT", storedStream(lines)))),
    plain(
      "data of fixed codes",
      RGB,
      fileOf(RGB, chunk("IDAT", deflateSync(lines, { strategy: 4 }))),
    ),
    plain("a small window", RGB, fileOf(RGB, chunk("IDAT", small))),
    plain("bytes behind the end", RGB, end([1, 2, 3]), [
      "what follows its end is left out (3 bytes)",
    ]),
  ];
}

/** All files that have to be read. */
export const LEGAL: readonly LegalPng[] = [
  ...everyForm(),
  ...keys(),
  ...palettes(),
  ...ancillary(),
  ...streams(),
];

const DAMAGED = "it is a damaged PNG file";

function wrongHeaders(): readonly WrongPng[] {
  const withForm = (change: Partial<Form>) => fileOf({ ...RGB, ...change }, data(RGB));
  const depths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32, 255];
  const illegal = Object.keys(COLOR_TYPES).map(Number).flatMap((colorType) => {
    const permitted = FORMS.find(([type]) => type === colorType)?.[1] ?? [];
    return depths.filter((depth) => !permitted.includes(depth)).map((bitDepth) => ({
      name: `${COLOR_TYPES[colorType]} of ${bitDepth} bits`,
      bytes: withForm({ colorType, bitDepth }),
      message:
        `a ${COLOR_TYPES[colorType]} picture has ${permitted.join(", ")} bits a sample, but ` +
        `this one ${bitDepth}`,
    }));
  });
  const interlace = [...headerOf(RGB).slice(8, 20), 2];
  return [
    ...illegal,
    ...[1, 5, 7, 8, 255].map((colorType) => ({
      name: `colour type ${colorType}`,
      bytes: withForm({ colorType }),
      message: `it has colour type ${colorType}; expected 0, 2, 3, 4 or 6`,
    })),
    { name: "no width", bytes: withForm({ width: 0 }), message: "it has no pixels" },
    { name: "no height", bytes: withForm({ height: 0 }), message: "it has no pixels" },
    {
      name: "a width of 2^31",
      bytes: withForm({ width: 2 ** 31 }),
      message: "it claims 2147483648 x 3 pixels; expected at most 2147483647 a side",
    },
    {
      name: "compression method 1",
      bytes: pngOf(headerOf(RGB, 1), data(RGB), chunk("IEND")),
      message: "it has compression, filter and interlace method 1, 0 and 0",
    },
    {
      name: "filter method 64",
      bytes: pngOf(headerOf(RGB, 0, 64), data(RGB), chunk("IEND")),
      message: "method 0, 64 and 0",
    },
    {
      name: "interlace method 2",
      bytes: pngOf(chunk("IHDR", interlace), data(RGB), chunk("IEND")),
      message: "method 0, 0 and 2",
    },
    {
      name: "a header of 14 bytes",
      bytes: pngOf(chunk("IHDR", [...headerOf(RGB).slice(8, 21), 0]), data(RGB), chunk("IEND")),
      message: `${DAMAGED} (it begins with a part "IHDR" of 14 bytes; expected "IHDR" of 13)`,
    },
    {
      name: "a header with a wrong checksum",
      bytes: pngOf(chunk("IHDR", headerOf(RGB).slice(8, 21), 1), data(RGB), chunk("IEND")),
      message: `${DAMAGED} (the checksum of its part "IHDR" is wrong)`,
    },
    {
      name: "a text before the header",
      bytes: pngOf(chunk("tEXt"), headerOf(RGB), data(RGB), chunk("IEND")),
      message: 'it begins with a part "tEXt" of 0 bytes; expected "IHDR" of 13',
    },
    {
      name: "a file of Apple's own kind",
      bytes: pngOf(chunk("CgBI", [0x50, 0, 0x20, 2]), headerOf(RGB), data(RGB), chunk("IEND")),
      message: 'it begins with a part "CgBI" of 4 bytes',
    },
    {
      name: "two headers",
      bytes: fileOf(RGB, headerOf(RGB), data(RGB)),
      message: `${DAMAGED} (it has two headers)`,
    },
  ];
}

function wrongChunks(): readonly WrongPng[] {
  const stream = packed(RGB);
  const halves = [
    chunk("IDAT", stream.subarray(0, 20)),
    chunk("IDAT", stream.subarray(20)),
  ] as const;
  const wrongPalette = (data: readonly number[]) => fileOf(PALETTE, chunk("PLTE", data), data4);
  const data4 = data(PALETTE);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["a palette picture without a palette", fileOf(PALETTE, data4), "it has no palette in front"],
    ["a palette behind the data", fileOf(PALETTE, data4, palette(4)), "it has no palette in front"],
    [
      "an RGB palette behind the data",
      fileOf(RGB, data(RGB), palette(4)),
      "its palette comes behind",
    ],
    ["two palettes", fileOf(PALETTE, palette(4), palette(4), data4), "it has two palettes"],
    [
      "a palette of no colour",
      wrongPalette([]),
      "its palette takes 0 bytes; expected 3 for each of 1 to 4",
    ],
    ["a palette of 10 bytes", wrongPalette(new Array(10).fill(0)), "its palette takes 10 bytes"],
    ["5 colours for 2 bits", wrongPalette(paletteOf(5)), "its palette takes 15 bytes"],
    [
      "a damaged palette",
      fileOf(PALETTE, chunk("PLTE", paletteOf(4), 1), data4),
      'the checksum of its part "PLTE" is wrong',
    ],
    [
      "a pixel without a colour",
      pngFrom(PALETTE, () => 3, palette(3)),
      "a pixel has colour 3 of a palette of 3",
    ],
    ["no data", fileOf(RGB), "it has no picture data"],
    ["only empty data", fileOf(RGB, chunk("IDAT")), "more than its 0 bytes of data can hold"],
    [
      "damaged data",
      fileOf(RGB, chunk("IDAT", stream, 1)),
      'the checksum of its part "IDAT" is wrong',
    ],
    [
      "data in two places",
      fileOf(RGB, halves[0], chunk("tEXt"), halves[1]),
      "other parts lie between",
    ],
    ["an unknown part that counts", fileOf(RGB, chunk("CgBI"), data(RGB)), 'it has a part "CgBI"'],
    ["one behind the data", fileOf(RGB, data(RGB), chunk("ABCD")), 'it has a part "ABCD"'],
    [
      "a name with a digit",
      fileOf(RGB, chunk("te1t"), data(RGB)),
      "at byte 33 the name of a part is not four letters",
    ],
    [
      "a full end mark",
      pngOf(headerOf(RGB), data(RGB), chunk("IEND", [1])),
      "its end mark takes 1 bytes",
    ],
    ["no end mark", pngOf(headerOf(RGB), data(RGB)), "it ends early: the PNG file has no end mark"],
    [
      "a part of 2^31 bytes",
      fileOf(RGB, [...word(2 ** 31), ...chunk("tEXt").slice(4)], data(RGB)),
      'it ends early: its part "tEXt" takes 2147483648 bytes, but',
    ],
  ];
  return cases.map(([name, bytes, message]) => ({ name, bytes, message }));
}

function wrongStreams(): readonly WrongPng[] {
  const lines = linesOf(RGB, noise(8));
  const stream = deflateSync(lines);
  const file = (...bytes: readonly number[]) => fileOf(RGB, chunk("IDAT", bytes));
  const unpacked = (bytes: Uint8Array) => file(...deflateSync(bytes));
  const changed = (at: number, byte: number) => file(...stream.with(at, byte));
  const filter5 = lines.slice();
  filter5[0] = 5;
  const interlaced: Form = { ...GREY, interlaced: true };
  const passes = linesOf(interlaced, noise(8));
  const lastPass = fileOf(interlaced, chunk("IDAT", deflateSync(passes.subarray(0, -6))));
  const checksum = stream.at(-1) ?? 0;
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    [
      "a wrong checksum behind the data",
      changed(stream.length - 1, checksum ^ 1),
      "the checksum of its unpacked",
    ],
    ["no checksum behind the data", file(...stream.subarray(0, -4)), DAMAGED],
    ["half a checksum behind the data", file(...stream.subarray(0, -2)), DAMAGED],
    [
      "half of the data",
      file(...stream.subarray(0, stream.length >> 1)),
      "it is a damaged PNG file",
    ],
    ["one byte of data", file(0x78), DAMAGED],
    ["data with more bytes behind them", file(...stream, 0, 0), "the checksum of its unpacked"],
    ["data that are not compressed at all", file(...lines), "do not begin as compressed data do"],
    ["data without a frame", file(...deflateRawSync(lines)), "do not begin as compressed data do"],
    ["a compression that is not deflate", changed(0, 0x79), "do not begin as compressed data do"],
    [
      "a window of 64 KiB",
      file(0x88, 0x1c, ...stream.subarray(2)),
      "do not begin as compressed data do",
    ],
    ["a wrong zlib header", changed(1, 0x9d), "do not begin as compressed data do"],
    [
      "a zlib dictionary",
      file(0x78, 0xbb, ...stream.subarray(2)),
      "do not begin as compressed data do",
    ],
    [
      "a block of an unknown kind",
      changed(2, 0xff),
      "its picture data cannot be unpacked: invalid block",
    ],
    ["a line that is short of a byte", unpacked(lines.subarray(0, -1)), "end before its last line"],
    ["a line too few", unpacked(lines.subarray(0, -16)), "end before its last line"],
    ["a last pass that is short", lastPass, "end before its last line"],
    ["a byte too many", unpacked(Uint8Array.of(...lines, 0)), "go on after its last line"],
    ["filter 5", unpacked(filter5), "a line has filter 5; expected 0 to 4"],
  ];
  return cases.map(([name, bytes, message]) => ({ name, bytes, message }));
}

function wrongFiles(): readonly WrongPng[] {
  const right = fileOf(RGB, data(RGB));
  const text = new TextDecoder("latin1").decode(right);
  const latin1 = (changed: string) => Uint8Array.from(changed, (letter) => letter.charCodeAt(0));
  const jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46];
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing", new Uint8Array(), "it is empty; expected a PNG file"],
    ["a text", latin1("hello, world"), "it is not a PNG file"],
    ["a JPEG file", Uint8Array.from(jpeg), "it is a JPEG picture, not a PNG file"],
    ["a GIF file", latin1("GIF89a"), "it is a GIF picture, not a PNG file"],
    ["a WebP file", latin1("RIFF\x24\0\0\0WEBPVP8 "), "it is a WebP picture, not a PNG file"],
    ["line ends of Unix", latin1(text.replace("\r\n", "\n")), "its first bytes were changed"],
    ["seven bits", right.map((byte) => byte & 127), "its first bytes were changed"],
    ["the signature alone", right.slice(0, 8), "it ends early"],
  ];
  return cases.map(([name, bytes, message]) => ({ name, bytes, message }));
}

/** All files that must not be read. */
export const WRONG: readonly WrongPng[] = [
  ...wrongFiles(),
  ...wrongHeaders(),
  ...wrongChunks(),
  ...wrongStreams(),
];
