/**
 * Files of every kind, changed as accidents and attackers change them: each is read, or refused in one line. A deep
 * run changes more than 50,000.
 *
 * @module
 */

import { assert } from "@std/assert";
import * as fc from "fast-check";
import { deflateRawSync } from "node:zlib";
import {
  decodeJpeg,
  decodeNpy,
  decodeNpz,
  decodePng,
  decodeSafetensors,
  decodeTensors,
  decodeTorch,
  decodeWav,
  encodeNpy,
  encodePng,
  encodeSafetensors,
  encodeTorch,
  encodeWav,
} from "../../src/io/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { drawsByDepth } from "../_depth.ts";
import { change, changes } from "./_mutate.ts";
import { readOrRefuse } from "./_refused.ts";
import { makeSafetensors } from "./arrays/_safetensors.ts";
import { dictOfTensor, makeTorch, pickleOf, tensor, text } from "./arrays/torch/_pickle.ts";
import { GREY } from "./pictures/jpeg/_jpeg.ts";
import { makeZip, type Member } from "./zip/_zip.ts";

/** The bytes that the tensors of one file may take here. */
const MOST_BYTES = 100_000;
const MOST_PIXELS = 5000;

/** The files of others that are kept with the tests of their readers. */
function filesOf(folder: string): readonly Uint8Array[] {
  return Deno.readTextFileSync(new URL(`${folder}/files.jsonl`, import.meta.url)).trim().split("\n")
    .map((line) => Uint8Array.fromBase64(JSON.parse(line).bytes))
    .filter(({ length }) => length < 2500);
}

const TENSORS = { "a.weight": Tensor.randn([2, 3], { seed: 1 }), b: Tensor.from([1, 2]) };
const PICKLES = [
  dictOfTensor(),
  pickleOf(
    "}(",
    text("a"),
    tensor({ size: [1, 2], stride: [0, 1] }),
    text("b"),
    "]",
    tensor(),
    "au.",
  ),
];

/** Changes of one file in an archive; its checksum is right all the same. */
function changedMember(members: readonly Member[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat({ max: members.length - 1 }), changes, fc.boolean()).map((
    [place, list, packs],
  ) =>
    makeZip(members.map((member, index) => {
      const { bytes = new Uint8Array() } = member;
      const changed = index === place ? change(bytes, list) : bytes;
      return packs
        ? { ...member, bytes: changed, packed: new Uint8Array(deflateRawSync(changed)), method: 8 }
        : { ...member, bytes: changed };
    }))
  );
}

/** Changes of whole files. */
function changed(files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.constantFrom(...files), changes).map(([bytes, list]) => change(bytes, list));
}

/** A header of JSON that is changed; its length is right all the same. */
const changedHeaders: fc.Arbitrary<Uint8Array> = changes.map((list) => {
  const bytes = encodeSafetensors(TENSORS, { metadata: { a: "b" } });
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = change(bytes.subarray(8, 8 + length), list);
  return makeSafetensors(new TextDecoder("latin1").decode(header), bytes.subarray(8 + length));
});

/** A reader, and the changed files that it is given. */
interface Case {
  readonly name: string;
  readonly files: fc.Arbitrary<Uint8Array>;
  /** Reads a file; returns the tensors of it. */
  read(bytes: Uint8Array): readonly Tensor[];
}

const most = { mostBytes: MOST_BYTES };
const arrays = (dict: Readonly<Record<string, Tensor>>) => Object.values(dict);

const npz = Object.entries(TENSORS).map(([name, tensor]) => ({
  name: `${name}.npy`,
  bytes: encodeNpy(tensor),
}));
const torches = [
  ...filesOf("arrays/torch"),
  encodeTorch(TENSORS),
  ...PICKLES.map((pickle) => makeTorch(pickle)),
];
const sounds = [
  ...filesOf("sound"),
  encodeWav({ samples: Tensor.from([[0, 1], [0.5, -1]]), sampleRate: 8000 }, { format: "float32" }),
];
const pngs = await Promise.all(
  [1, 2, 3, 4].map((channels) =>
    encodePng({ pixels: Tensor.uniform([channels, 3, 5], { seed: channels }), bitDepth: 8 })
  ),
);
const all = [encodeNpy(TENSORS.b), encodeSafetensors(TENSORS), makeZip(npz), ...torches];

const CASES: readonly Case[] = [
  {
    name: "decodeSafetensors()",
    files: fc.oneof(changed([encodeSafetensors(TENSORS)]), changedHeaders),
    read: (bytes) => arrays(decodeSafetensors(bytes)),
  },
  {
    name: "decodeNpy()",
    files: changed(npz.map(({ bytes }) => bytes)),
    read: (bytes) => [decodeNpy(bytes)],
  },
  {
    name: "decodeNpz()",
    files: fc.oneof(changed([makeZip(npz)]), changedMember(npz)),
    read: (bytes) => arrays(decodeNpz(bytes, most)),
  },
  {
    name: "decodeTorch()",
    files: fc.oneof(
      changed(torches),
      ...PICKLES.map((pickle) =>
        changedMember([
          { name: "a/data.pkl", bytes: pickle },
          { name: "a/data/0", bytes: new Uint8Array(8) },
          { name: "a/byteorder", bytes: new TextEncoder().encode("little") },
        ])
      ),
    ),
    read: (bytes) => arrays(decodeTorch(bytes, most)),
  },
  {
    name: "decodeTensors()",
    files: changed(all),
    read: (bytes) => arrays(decodeTensors(bytes, most)),
  },
  {
    name: "decodePng()",
    files: changed(pngs),
    read: (bytes) => [decodePng(bytes, { mostPixels: MOST_PIXELS }).pixels],
  },
  {
    name: "decodeJpeg()",
    files: changed([GREY, ...filesOf("pictures/jpeg")]),
    read: (bytes) => [decodeJpeg(bytes, { mostPixels: MOST_PIXELS }).pixels],
  },
  {
    name: "decodeWav()",
    files: changed(sounds),
    read: (bytes) => [decodeWav(bytes).samples],
  },
];

for (const [index, { name, files, read }] of CASES.entries()) {
  Deno.test(`${name} reads a changed file, or says what is wrong in one line`, () => {
    let accepted = 0;
    fc.assert(
      fc.property(files, (bytes) => {
        const tensors = readOrRefuse(() => read(bytes));
        if (tensors === null) return;
        accepted++;
        // No more is made of a file than it may become: a byte four, or what the bounds say.
        const size = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
        assert(size <= Math.max(4 * bytes.length, MOST_BYTES), `${size} of ${bytes.length}`);
      }),
      { seed: 70 + index, numRuns: drawsByDepth(60, 6300) },
    );
    // Changes that nothing survives would show nothing.
    assert(accepted > 0);
  });
}
