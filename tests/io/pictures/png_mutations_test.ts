import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { decodeNamed, FileError } from "../../../src/io/files.ts";
import type { DecodedPicture } from "../../../src/io/pictures/picture.ts";
import { decodePng } from "../../../src/io/pictures/png.ts";
import { change, changes } from "../_mutate.ts";
import { chunk, pngOf } from "./_png.ts";
import { LEGAL } from "./_png_cases.ts";

/** Small enough that the chunks which say what a picture is are hit as often as its data. */
const FILES = LEGAL.filter(({ bytes }) => bytes.length < 2000);

const MOST_PIXELS = 5000;

/** What is read of bytes; null where they are refused as they should be. */
function read(bytes: Uint8Array): DecodedPicture | null {
  try {
    return decodeNamed("a.png", () => decodePng(bytes, { mostPixels: MOST_PIXELS }));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    assert(/^Cannot read "a\.png": it [\x20-\x7e]+$/.test(error.message), error.message);
    return null;
  }
}

Deno.test("decodePng() reads a changed file as it was, or says what is wrong in one line", () => {
  fc.assert(
    fc.property(fc.constantFrom(...FILES), changes, (png, list) => {
      const picture = read(change(png.bytes, list));
      if (picture === null) return;
      const before = decodePng(png.bytes);
      const { pixels, warnings } = picture;
      // Only what is transparent may be lost, and is missed then.
      if (pixels.shape[0] !== png.channels) assert(warnings.length > 0);
      assertEquals(pixels.shape.slice(1), [png.height, png.width]);
      assertEquals(pixels.data, before.pixels.data.subarray(0, pixels.size));
    }),
    { seed: 46, numRuns: 3000 },
  );
});

/** The type and data of each chunk of a right file. */
function chunksOf(bytes: Uint8Array): { readonly type: string; readonly data: Uint8Array }[] {
  const view = new DataView(bytes.buffer);
  const chunks = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 8 + view.getUint32(at);
    const type = new TextDecoder("latin1").decode(bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

Deno.test("decodePng() bears any chunk whose checksum is right", () => {
  const place = fc.nat({ max: 1000 });
  fc.assert(
    fc.property(fc.constantFrom(...FILES), place, changes, (png, place, list) => {
      const chunks = chunksOf(png.bytes);
      const changed = chunks.map(({ type, data }, index) =>
        chunk(type, index === place % chunks.length ? change(data, list) : data)
      );
      const picture = read(pngOf(...changed));
      if (picture === null) return;
      const { shape, data } = picture.pixels;
      const [channels = 0, height = 0, width = 0] = shape;
      assert(channels >= 1 && channels <= 4 && height * width <= MOST_PIXELS);
      assert(data.every((value) => value >= 0 && value <= 1));
    }),
    { seed: 47, numRuns: 3000 },
  );
});

Deno.test("decodePng() bears chunks in any order and number", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...FILES), { minLength: 1, maxLength: 2 }),
      fc.array(fc.nat({ max: 1000 }), { maxLength: 8 }),
      (pngs, places) => {
        const all = pngs.flatMap(({ bytes }) => chunksOf(bytes));
        const header = all[0];
        const chosen = places.flatMap((place) => all[place % all.length] ?? []);
        const order = [...(header ? [header] : []), ...chosen, { type: "IEND", data: [] }];
        read(pngOf(...order.map(({ type, data }) => chunk(type, data))));
      },
    ),
    { seed: 48, numRuns: 1000 },
  );
});
