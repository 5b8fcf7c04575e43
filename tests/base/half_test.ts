import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { bfloatBits, bfloatValue, halfBits, halfValue } from "../../src/base/half.ts";
import { draws } from "../_depth.ts";

const ALL = Array.from({ length: 65536 }, (_, bits) => bits);

/** Any bits of a float32, those around the edges of the small types among them. */
const floats: fc.Arbitrary<number> = fc.oneof(
  fc.float(),
  fc.tuple(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(-1, 0, 1, 4095, 4096, 4097))
    .map(([bits, more]) => floatOf((bits << 16) + more)),
  fc.tuple(fc.integer({ min: 0, max: 65534 }), fc.constantFrom(-1, 0, 1))
    .map(([bits, more]) => floatOf(bitsOf((halfValue(bits) + halfValue(bits + 1)) / 2) + more)),
);

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits >>> 0).buffer)[0] ?? 0;
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

Deno.test("halfValue() and halfBits() are those of Float16Array", () => {
  const values = new Float16Array(Uint16Array.from(ALL).buffer);
  for (const bits of ALL) {
    const value = values[bits] ?? 0;
    assertEquals(halfValue(bits), value);
    if (!Number.isNaN(value)) assertEquals(halfBits(value), bits);
  }
  fc.assert(
    fc.property(floats, (value) => {
      const [expected] = Float16Array.of(value);
      assertEquals(halfValue(halfBits(value)), expected);
      assertEquals(Object.is(halfValue(halfBits(value)), expected), true);
    }),
    { seed: 60, numRuns: draws(3000) },
  );
});

Deno.test("bfloatBits() rounds to the nearest of the values of bfloatValue(), the even one of two", () => {
  for (const bits of ALL) {
    const value = bfloatValue(bits);
    assertEquals(value, floatOf(bits * 65536));
    if (!Number.isNaN(value)) assertEquals(bfloatBits(value), bits);
  }
  fc.assert(
    fc.property(floats, (value) => {
      const bits = bfloatBits(value);
      if (Number.isNaN(value)) return assertEquals(bfloatValue(bits), NaN);
      // As a larger type would: beyond the last one stands the next power of two.
      const wide = (bits: number) =>
        (bits & 0x7fff) === 0x7f80 ? (bits >> 15 ? -1 : 1) * 2 ** 128 : bfloatValue(bits);
      const error = Math.abs(value - wide(bits));
      if (!Number.isFinite(value)) return assertEquals(bfloatValue(bits), value);
      for (const other of [bits - 1, bits + 1]) {
        if ((other & 0x7fff) > 0x7f80 || other < 0) continue;
        const distance = Math.abs(value - wide(other));
        assertEquals(error < distance || error === distance && bits % 2 === 0, true);
      }
    }),
    { seed: 61, numRuns: draws(3000) },
  );
});
