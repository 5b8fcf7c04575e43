import { assert, assertEquals } from "@std/assert";
import { CPU_WORDS, encodeCpuQuery, targetOfCpu } from "../../../src/codegen/x64/cpu.ts";
import { AVX2_TARGET, AVX512_TARGET } from "../../../src/codegen/target.ts";
import { callNative, executable, IS_X64_LINUX } from "../_native.ts";

/** CPUID leaf 1, ECX: FMA, OSXSAVE and AVX. */
const LEAF_1 = 1 << 12 | 1 << 27 | 1 << 28;
const AVX2 = 1 << 5;
const [F, DQ, BW, VL] = [1 << 16, 1 << 17, 1 << 30, 1 << 31];
const LEAF_7 = AVX2 | F | DQ | BW | VL;

Deno.test("targetOfCpu() takes AVX-512 where processor and operating system have all of it", () => {
  assertEquals(targetOfCpu([LEAF_1, LEAF_7, 0xe7]), AVX512_TARGET);
  assertEquals(targetOfCpu(Uint32Array.of(-1, -1, -1)), AVX512_TARGET);
});

Deno.test("targetOfCpu() takes AVX2 where a part of AVX-512 is missing", () => {
  for (const part of [F, DQ, BW, VL]) {
    assertEquals(targetOfCpu([LEAF_1, LEAF_7 & ~part, 0xe7]), AVX2_TARGET);
  }
  for (const state of [0x20, 0x40, 0x80]) {
    assertEquals(targetOfCpu([LEAF_1, LEAF_7, 0xe7 & ~state]), AVX2_TARGET);
  }
});

Deno.test("targetOfCpu() takes none where a part of AVX2 is missing", () => {
  for (const bit of [12, 27, 28]) {
    assertEquals(targetOfCpu([LEAF_1 & ~(1 << bit), LEAF_7, 0xe7]), null);
  }
  assertEquals(targetOfCpu([LEAF_1, LEAF_7 & ~AVX2, 0xe7]), null);
  for (const state of [2, 4]) assertEquals(targetOfCpu([LEAF_1, LEAF_7, 0xe7 & ~state]), null);
  assertEquals(targetOfCpu([0, 0, 0]), null);
  assertEquals(targetOfCpu([]), null);
});

Deno.test({
  name: "encodeCpuQuery() finds the processor that the operating system describes",
  ignore: !IS_X64_LINUX,
  async fn() {
    const words = new Uint32Array(CPU_WORDS + 1).fill(0x12345678);
    using code = executable(encodeCpuQuery());
    callNative(code, 0, words);
    assertEquals(words[CPU_WORDS], 0x12345678, "It writes no more words than it says");
    const description = await Deno.readTextFile("/proc/cpuinfo");
    const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(description)?.[1]?.split(" "));
    assert(flags.has("fpu"));
    const has = (...names: string[]) => names.every((name) => flags.has(name));
    const expected = !has("avx", "avx2", "fma")
      ? null
      : has("avx512f", "avx512dq", "avx512bw", "avx512vl")
      ? AVX512_TARGET
      : AVX2_TARGET;
    assertEquals(targetOfCpu(words), expected);
  },
});
