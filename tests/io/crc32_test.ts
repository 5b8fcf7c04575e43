import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { crc32 as zlibCrc32 } from "node:zlib";
import { crc32 } from "../../src/io/crc32.ts";
import { draws } from "../_depth.ts";

Deno.test("crc32() is that of zlib, at any length and place in a buffer", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 9 }), (bytes, from) => {
      const part = bytes.subarray(from);
      assertEquals(crc32(part), zlibCrc32(part));
    }),
    { seed: 63, numRuns: draws(1000) },
  );
});
