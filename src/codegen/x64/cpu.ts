/**
 * Which instructions the processor has, and the operating system keeps the registers of.
 *
 * Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID and XGETBV;
 * volume 1, sections 14.3 (detection of AVX), 14.5.3 (of FMA) and 15.2 to 15.4 (of AVX-512).
 *
 * @module
 */

import { AVX2_TARGET, AVX512_TARGET, type Target } from "../target.ts";
import { GPR, memoryAt, X64Assembler } from "./assembler.ts";

/** What the query finds out, in the order of the words that it writes. */
const WORD = { leaf1Ecx: 0, leaf7Ebx: 1, xcr0: 2 } as const;

/** How many words the query writes. */
export const CPU_WORDS = 3;

/** Bits of CPUID leaf 1, ECX. */
const [FMA, OSXSAVE, AVX] = [12, 27, 28].map((bit) => 2 ** bit) as [number, number, number];

/** Bits of CPUID leaf 7, EBX, that AVX2 is. */
const AVX2 = 2 ** 5;

/** Bits of CPUID leaf 7, EBX: F, DQ, BW and VL. */
const AVX512 = 2 ** 16 + 2 ** 17 + 2 ** 30 + 2 ** 31;

/** Bits of XCR0: the operating system keeps the XMM and YMM registers. */
const YMM_STATE = 0x06;

/** Bits of XCR0: it keeps the opmask registers and all of the ZMM ones, too. */
const ZMM_STATE = 0xe6;

/**
 * Machine code that asks the processor. It is called as `encodeX64` has it, except that it is given the
 * address of {@linkcode CPU_WORDS} words, and writes these.
 */
export function encodeCpuQuery(): Uint8Array<ArrayBuffer> {
  const code = new X64Assembler();
  const word = (index: number) => memoryAt(GPR.rsi, index * Uint32Array.BYTES_PER_ELEMENT);
  // CPUID overwrites a register that belongs to the caller.
  code.push(GPR.rbx);
  for (let index = 0; index < CPU_WORDS; index++) code.movStoreImmediate32(word(index), 0);
  const leaf = (number: number, body: () => void) => {
    code.xor32(GPR.rax);
    code.cpuid();
    // A leaf beyond the last is answered with that of another one.
    code.subImmediate32(GPR.rax, number);
    code.unlessBelow(() => {
      code.mov32(GPR.rax, number);
      code.xor32(GPR.rcx);
      code.cpuid();
      body();
    });
  };
  leaf(7, () => code.movStore32(word(WORD.leaf7Ebx), GPR.rbx));
  leaf(1, () => {
    code.movStore32(word(WORD.leaf1Ecx), GPR.rcx);
    code.test32(GPR.rcx, OSXSAVE);
    code.unlessZero(() => {
      code.xor32(GPR.rcx);
      code.xgetbv();
      code.movStore32(word(WORD.xcr0), GPR.rax);
    });
  });
  code.pop(GPR.rbx);
  code.xor32(GPR.rax);
  code.ret();
  return code.finish();
}

/**
 * The target of a processor.
 *
 * @param words What the code of {@linkcode encodeCpuQuery} wrote.
 * @returns `null` if there is none for it.
 */
export function targetOfCpu(words: ArrayLike<number>): Target | null {
  const has = (index: number, bits: number) => (((words[index] ?? 0) & bits) >>> 0) === bits;
  const isAvx2 = has(WORD.leaf1Ecx, FMA + OSXSAVE + AVX) && has(WORD.leaf7Ebx, AVX2) &&
    has(WORD.xcr0, YMM_STATE);
  if (!isAvx2) return null;
  return has(WORD.leaf7Ebx, AVX512) && has(WORD.xcr0, ZMM_STATE) ? AVX512_TARGET : AVX2_TARGET;
}
