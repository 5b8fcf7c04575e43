import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import {
  channelsOf,
  evenParts,
  mostVectors,
  preferredVectors,
  usableRegisters,
} from "../../../src/kernels/common/register_tile.ts";

Deno.test("evenParts() cuts every count into as few parts as it takes, none two larger than another", () => {
  for (let count = 1; count <= 40; count++) {
    for (let most = 1; most <= 14; most++) {
      const { size, full, parts } = evenParts(count, most);
      assertStrictEquals(parts, Math.ceil(count / most));
      assert(size <= most && full >= 1 && full <= parts);
      assertStrictEquals(full * size + (parts - full) * (size - 1), count);
    }
  }
});

Deno.test("channelsOf() leaves registers for the operands", () => {
  for (const target of [AVX2_TARGET, AVX512_TARGET]) {
    for (let vectors = 1; vectors <= mostVectors(target); vectors++) {
      const channels = channelsOf(target, vectors);
      assert(channels >= 1);
      const held = Math.min(channels, vectors);
      assert(channels * vectors + held + 1 < usableRegisters(target));
    }
  }
});

Deno.test("preferredVectors() takes more vectors the fewer channels there are", () => {
  assertEquals([1, 2, 3, 4, 64].map((n) => preferredVectors(WASM_TARGET, n)), [8, 4, 3, 2, 2]);
  for (const target of [AVX2_TARGET, AVX512_TARGET]) {
    assert(preferredVectors(target, 1) > preferredVectors(target, 64));
  }
});
