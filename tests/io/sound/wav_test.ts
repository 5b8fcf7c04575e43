import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError } from "../../../src/io/files.ts";
import { decodeWav, encodeWav, readWav, writeWav } from "../../../src/io/sound/wav.ts";
import { ByteWriter } from "../../../src/io/writer.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasSox, runProgram } from "../../_programs.ts";
import { readOrRefuse } from "../_refused.ts";

/** A file of SoX, as `files.py` writes it. */
type SoxFile =
  & { readonly name: string; readonly bytes: string }
  & ({
    readonly channels: number;
    readonly sampleRate: number;
    /** The samples as SoX reads them, those of one moment beside each other: base64 of floats. */
    readonly values: string;
  } | { readonly error: string });

const FILES: readonly SoxFile[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

/** The samples of channels beside each other. */
function interleaved({ shape, data }: Tensor): Float32Array {
  const [channels = 0, length = 0] = shape;
  return Float32Array.from(
    data,
    (_, place) => data[place % channels * length + Math.floor(place / channels)] ?? NaN,
  );
}

for (const file of FILES) {
  const bytes = Uint8Array.fromBase64(file.bytes);
  if ("error" in file) {
    Deno.test(`decodeWav() refuses what SoX writes in ${file.name}`, () => {
      assertThrows(() => decodeWav(bytes), SyntaxError, file.error);
    });
  } else {
    Deno.test(`decodeWav() reads ${file.name} as SoX does`, () => {
      const { samples, sampleRate } = decodeWav(bytes);
      const expected = new Float32Array(Uint8Array.fromBase64(file.values).buffer);
      assertEquals(sampleRate, file.sampleRate);
      assertEquals(samples.shape, [file.channels, expected.length / file.channels]);
      assertEquals(interleaved(samples), expected);
    });
  }
}

const SOUND = { samples: Tensor.from([[0, 0.5, -1], [0.25, -0.125, 0.75]]), sampleRate: 44100 };

Deno.test("decodeWav() reads back what encodeWav() writes", () => {
  for (const format of ["int16", "float32"] as const) {
    const { samples, sampleRate } = decodeWav(encodeWav(SOUND, { format }));
    assertEquals([samples.shape, sampleRate], [[2, 3], 44100]);
    assertEquals(samples.data, SOUND.samples.data);
  }
  const empty = decodeWav(encodeWav({ samples: Tensor.zeros([1, 0]), sampleRate: 1 }));
  assertEquals(empty.samples.shape, [1, 0]);
});

Deno.test("encodeWav() brings integers into range, rounds them and makes NaN 0", () => {
  const samples = Tensor.from([[2, -2, 1, NaN, Infinity, 1 / 65536, 0.9 / 65536]]);
  const { samples: read } = decodeWav(encodeWav({ samples, sampleRate: 8000 }));
  const step = 1 / 32768;
  assertEquals([...read.data], [1 - step, -1, 1 - step, 0, 1 - step, step, 0]);
});

Deno.test("encodeWav() writes floats as they are", () => {
  const samples = Tensor.from([[2, -3e38, 1e-45, Infinity, -0]]);
  const bytes = encodeWav({ samples, sampleRate: 8000 }, { format: "float32" });
  assertEquals(decodeWav(bytes).samples.data, samples.data);
});

/** What is said of samples; what is left out is right for two channels of 16 bits. */
interface Format {
  readonly form?: number;
  readonly channels?: number;
  readonly sampleRate?: number;
  readonly frame?: number;
  readonly bits?: number;
}

function format(
  { form = 1, channels = 2, sampleRate = 8000, frame = 4, bits = 16 }: Format = {},
): Uint8Array {
  return new ByteWriter().uint16(form, channels).uint32(sampleRate, 0).uint16(frame, bits).join();
}

/** An extensible format of two bytes in the place of its form. */
function extensible(form: number, tail: readonly number[] = TAIL): Uint8Array {
  return new ByteWriter().bytes(format({ form: 0xfffe })).uint16(22, 16).uint32(3).uint16(form)
    .bytes(Uint8Array.from(tail)).join();
}

const TAIL = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];

type Part = readonly [name: string, data: Uint8Array, length?: number];

/** A file as it would be with these parts. */
function riff(parts: readonly Part[], length?: number, kind = "WAVE"): Uint8Array {
  const body = new ByteWriter().text(kind);
  for (const [name, data, length = data.length] of parts) {
    body.text(name).uint32(length).bytes(data);
    if (data.length % 2 === 1) body.uint8(0);
  }
  const bytes = body.join();
  return new ByteWriter().text("RIFF").uint32(length ?? bytes.length).bytes(bytes).join();
}

const DATA = new Uint8Array(Int16Array.of(16384, -32768, 0, 8192).buffer);
const SAMPLES = Float32Array.of(0.5, 0, -1, 0.25);
const FMT: Part = ["fmt ", format()];

const LEGAL: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["parts in the usual order", riff([FMT, ["data", DATA]])],
  ["the data before their format", riff([["data", DATA], FMT])],
  [
    "other parts around",
    riff([["LIST", Uint8Array.of(1)], FMT, ["fact", DATA], ["data", DATA], ["id3 ", DATA]]),
  ],
  ["a part twice that is left out", riff([["LIST", DATA], FMT, ["LIST", DATA], ["data", DATA]])],
  ["a stream of unknown length, as FFmpeg", riff([FMT, ["data", DATA, 0xffffffff]], 0xffffffff)],
  ["a stream of unknown length, as SoX", riff([FMT, ["data", DATA, 0x7ffff000]], 0x7ffff024)],
  ["a longer format", riff([["fmt ", Uint8Array.of(...format(), 0, 0)], ["data", DATA]])],
  ["an extensible format", riff([["fmt ", extensible(1)], ["data", DATA]])],
  ["bytes behind its end", Uint8Array.of(...riff([FMT, ["data", DATA]]), 1, 2, 3)],
  [
    "a last part of odd length without the byte that fills it up",
    riff([FMT, ["data", DATA], ["x   ", Uint8Array.of(1)]], 53).slice(0, 61),
  ],
];

for (const [name, bytes] of LEGAL) {
  Deno.test(`decodeWav() reads ${name}`, () => {
    const { samples, sampleRate } = decodeWav(bytes);
    assertEquals([samples.shape, sampleRate], [[2, 2], 8000]);
    assertEquals(samples.data, SAMPLES);
  });
}

const ascii = (text: string) => new TextEncoder().encode(text);

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it is empty; expected a WAV file"],
  ["a text", ascii("hello, this is a text"), "it is not a WAV file"],
  ["an AVI film", riff([], undefined, "AVI "), "it is not a WAV file"],
  ["a WebP picture", riff([], undefined, "WEBP"), "it is a WebP picture, not a WAV file"],
  [
    "a file of 2 GB",
    riff([FMT, ["data", DATA]], 0x70000000),
    "it ends early, inside its RIFF part",
  ],
  [
    "a format of a stream of unknown length",
    riff([["fmt ", format(), 0xffffffff], ["data", DATA]], 0xffffffff),
    "it ends early",
  ],
  [
    "data of 1 GiB in a stream of unknown length",
    riff([FMT, ["data", DATA, 2 ** 30]], 0xffffffff),
    "it ends early",
  ],
  ["data of 4 GiB", riff([FMT, ["data", DATA, 0xffffffff]]), "4294967295 bytes should follow"],
  ["a format of 4 GiB", riff([["fmt ", format(), 0xffffffff], ["data", DATA]]), "it ends early"],
  ["a file cut short", riff([FMT, ["data", DATA]]).slice(0, -1), "it ends early"],
  ["a head alone", ascii("RIFF\0\0\0\0WAVE"), "it"],
  ["a length of nothing", riff([FMT, ["data", DATA]], 0), 'its part "fmt " is missing'],
  ["no format", riff([["data", DATA]]), 'it is a damaged WAV file (its part "fmt " is missing)'],
  ["no data", riff([FMT]), 'its part "data" is missing'],
  ["two formats", riff([FMT, FMT, ["data", DATA]]), 'its part "fmt " is there twice'],
  ["data twice", riff([FMT, ["data", DATA], ["data", DATA]]), 'its part "data" is there twice'],
  [
    "half a format",
    riff([["fmt ", format().slice(0, 9)], ["data", DATA]]),
    'inside its part "fmt "',
  ],
  [
    "half an extensible format",
    riff([["fmt ", extensible(1).slice(0, 30)], ["data", DATA]]),
    'its part "fmt "',
  ],
  [
    "a form of its own",
    riff([["fmt ", extensible(1, TAIL.toReversed())], ["data", DATA]]),
    "only its writer",
  ],
  ["an extensible form of MP3", riff([["fmt ", extensible(0x55)], ["data", DATA]]), 'in "MP3"'],
  ["an unknown form", riff([["fmt ", format({ form: 999 })], ["data", DATA]]), 'in "form 999"'],
  [
    "samples of 12 bits",
    riff([["fmt ", format({ bits: 12 })], ["data", DATA]]),
    "it has samples of 12 bits",
  ],
  [
    "floats of 16 bits",
    riff([["fmt ", format({ form: 3 })], ["data", DATA]]),
    "it has samples of 16 bits",
  ],
  [
    "no channels",
    riff([["fmt ", format({ channels: 0, frame: 0 })], ["data", DATA]]),
    "it has 0 channels",
  ],
  [
    "no sample rate",
    riff([["fmt ", format({ sampleRate: 0 })], ["data", DATA]]),
    "of 0 samples a second",
  ],
  [
    "a wrong frame",
    riff([["fmt ", format({ frame: 6 })], ["data", DATA]]),
    "take 4 bytes, but it says 6",
  ],
  ["half a moment", riff([FMT, ["data", DATA.slice(0, 6)]]), "its 6 bytes of samples end inside"],
];

for (const [name, bytes, message] of WRONG) {
  Deno.test(`decodeWav() refuses ${name}`, () => {
    assertThrows(() => decodeWav(bytes), SyntaxError, message);
    assertEquals(readOrRefuse(() => decodeWav(bytes)), null);
  });
}

Deno.test("encodeWav() rejects what it cannot write", () => {
  const wrong = <Value>(value: unknown) => value as Value;
  const { samples } = SOUND;
  const cases: readonly (readonly [unknown, unknown, typeof TypeError, string])[] = [
    [{ samples: [[1]], sampleRate: 1 }, {}, TypeError, "samples must be a tensor"],
    [{ samples: Tensor.ones([3]), sampleRate: 1 }, {}, RangeError, "shape (channels, samples)"],
    [{ samples: Tensor.ones([1, 1, 1]), sampleRate: 1 }, {}, RangeError, "but have [1, 1, 1]"],
    [{ samples: Tensor.ones([0, 1]), sampleRate: 1 }, {}, RangeError, "1 to 65535 channels"],
    [{ samples: Tensor.zeros([65536, 0]), sampleRate: 1 }, {}, RangeError, "1 to 65535 channels"],
    [{ samples }, {}, TypeError, "sampleRate must be a number"],
    [{ samples, sampleRate: 0.5 }, {}, RangeError, "sampleRate must be an integer"],
    [{ samples, sampleRate: 2 ** 31 }, {}, RangeError, "a WAV file holds at most"],
    [{ samples, sampleRate: 1 }, { format: "int24" }, RangeError, "format must be one of"],
    [{ samples, sampleRate: 1 }, { bits: 24 }, TypeError, "valid options: format"],
  ];
  for (const [sound, options, kind, message] of cases) {
    assertThrows(() => encodeWav(wrong(sound), wrong(options)), kind, message);
  }
});

Deno.test("readWav() and writeWav() name the file in their errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.wav");
  await writeWav(path, SOUND);
  assertEquals((await readWav(path)).samples.data, SOUND.samples.data);
  Deno.writeTextFileSync(path, "hello");
  await assertRejects(
    () => readWav(path),
    FileError,
    `Cannot read "${path}": it is not a WAV file`,
  );
});

Deno.test({
  name: "SoX reads the samples that writeWav() writes, of any number of channels",
  ignore: !hasSox,
  async fn() {
    using folder = new TestFolder();
    for (const channels of [1, 2, 5]) {
      const samples = Tensor.uniform([channels, 50], { low: -1, high: 1, seed: channels });
      for (const format of ["int16", "float32"] as const) {
        const path = folder.file("a.wav");
        await writeWav(path, { samples, sampleRate: 22050 }, { format });
        const raw = runProgram("sox", path, "-t", "f32", "-");
        const read = new Float32Array(raw.slice().buffer);
        // Half a step of what is stored; SoX itself keeps 24 bits of a float.
        const step = format === "int16" ? 2 ** -16 : 2 ** -24;
        assertEquals(read.length, samples.size);
        interleaved(samples).forEach((value, place) => {
          assert(Math.abs(value - (read[place] ?? NaN)) <= step);
        });
      }
    }
  },
});
