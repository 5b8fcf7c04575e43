/**
 * Files that are made to do harm, given to the program: each is refused in one line, in bounded memory, and nothing is
 * written.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { encodeNpy, encodeSafetensors, encodeTorch, encodeWav } from "../../src/io/mod.ts";
import { ByteWriter } from "../../src/io/writer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";
import { makeSafetensors } from "../io/arrays/_safetensors.ts";
import { dictOfTensor, makeTorch, pickleOf, text } from "../io/arrays/torch/_pickle.ts";
import { header, jpegOf, scan, TABLES } from "../io/pictures/jpeg/_jpeg.ts";
import { makePng } from "../io/pictures/_png.ts";
import { makeZip } from "../io/zip/_zip.ts";
import { runMain, spawnMain } from "./_cli.ts";

const x = Tensor.ones([1, 1, 2, 2]);
const npy = encodeNpy(x);

/** A few kilobytes that become 256 MiB. */
function bomb(): Uint8Array {
  const bytes = new Uint8Array(2 ** 28);
  bytes.set(encodeNpy(Tensor.zeros([1])).subarray(0, 128));
  const packed = new Uint8Array(deflateRawSync(bytes, { level: 1 }));
  return makeZip([{ name: "x.npy", bytes, packed, method: 8 }]);
}

/** A header that claims a picture, and hardly any data. */
function hollowPng(): Uint8Array {
  const bytes = new Uint8Array(2000);
  bytes.set(makePng({ width: 60_000, height: 60_000, bitDepth: 8, colorType: 2, lines: [[1]] }));
  return bytes;
}

const chunk = (type: string, shape: readonly number[], from: number, to: number) => ({
  dtype: type,
  shape,
  data_offsets: [from, to],
});

const FILES: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it is empty; expected .npy"],
  ["text", new TextEncoder().encode("hello"), "it is none of the files that are known"],
  ["half an array", npy.subarray(0, npy.length - 1), "it ends early"],
  ["half a file of tensors", encodeSafetensors({ x }).subarray(0, 60), "it is not a whole"],
  ["half a file of PyTorch", encodeTorch({ x }).subarray(0, 200), "it ends early"],
  [
    "half a sound",
    encodeWav({ samples: x.reshape([1, 4]), sampleRate: 1 }).subarray(0, 45),
    "it ends",
  ],
  ["a header of 2 GiB", makeSafetensors("{}", [], 2n ** 31n), "its header would take 2147483648"],
  [
    "tensors that overlap",
    makeSafetensors({ a: chunk("F32", [2], 0, 8), b: chunk("F32", [2], 4, 12) }, new Array(12)),
    "without gap or overlap",
  ],
  [
    "a tensor past the end",
    makeSafetensors({ a: chunk("F32", [2], 0, 8) }, new Array(4)),
    "it ends early",
  ],
  ["a name that leads out", makeZip([{ name: "../x.npy", bytes: npy }]), '"../x.npy"'],
  [
    "files that overlap",
    makeZip([{ name: "x.npy", bytes: npy }, { name: "y.npy", bytes: npy, offset: 0 }]),
    "it is a damaged ZIP archive",
  ],
  ["a bomb of zeros", bomb(), "that are left for it; allow more with --memory"],
  [
    "os.system",
    makeTorch(pickleOf("cos\nsystem\n", text("touch harm"), 0x85, "R.")),
    'it asks for "os.system"',
  ],
  [
    "a view past the end",
    makeTorch(dictOfTensor({ offset: 2 ** 40 })),
    "reaches to element 1099511627777",
  ],
  [
    "one element 2^50 times",
    makeTorch(dictOfTensor({ size: [2 ** 25, 2 ** 25], stride: [0, 0] })),
    "it unpacks to more than the",
  ],
  ["a picture of 60,000 x 60,000", hollowPng(), "it claims 60000 x 60000 pixels"],
  [
    "a photograph of 65,535 x 65,535",
    jpegOf(TABLES, header({ width: 65_535, height: 65_535 }), scan(), [0x3f]),
    "it claims 65535 x 65535 pixels",
  ],
  [
    "a sound of 4 GiB",
    new ByteWriter().text("RIFF").uint32(2 ** 32 - 1).text("WAVEfmt ").join(),
    "it ends early",
  ],
];

for (const [name, bytes, message] of FILES) {
  Deno.test(`Commands refuse ${name} in one line, and write nothing`, async () => {
    using folder = new TestFolder();
    Deno.writeFileSync(folder.file("file"), bytes);
    Deno.writeFileSync(folder.file("x.npy"), npy);
    const [file, good, out] = ["file", "x.npy", "y.npz"].map((name) => folder.file(name));
    const layer = ["--out-channels", "1", "--kernel-size", "1", "--output", `${out}`];
    const memory = ["--memory", "400M"];
    const lines: readonly (readonly string[])[] = [
      ["show", `${file}`],
      ["convert", `${file}`, `${out}`],
      ["compare", `${good}`, `${file}`],
      ["run", "conv2d", `${file}`, ...layer],
      ["run", "conv2d", `${good}`, "--weights", `${file}`, "--output", `${out}`],
    ];
    for (const line of lines) {
      const { code, out, err } = await runMain(...line, ...memory);
      assertEquals([code, out], [1, ""], line.join(" "));
      assertMatch(err, /^error: Cannot read [^\n]+\n$/);
      assertStringIncludes(err, message);
    }
    assertEquals(folder.names(), ["file", "x.npy"]);
  });
}

Deno.test("A file with commands in it runs none, in a process that could", async () => {
  using folder = new TestFolder();
  const pickle = pickleOf("cposix\nsystem\n", text("touch harm"), 0x85, "R.");
  Deno.writeFileSync(folder.file("a.pt"), makeTorch(pickle));
  const { code, out, err } = await spawnMain(["show", "a.pt"], folder.path, ["--allow-run"]);
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, 'Cannot read "a.pt": it asks for "posix.system"');
  assertEquals(folder.names(), ["a.pt"]);
});
