/** The instructions that programs become: WebAssembly SIMD, or those of x86-64. */
export type InstructionSet = "wasm" | "avx2" | "avx512";

/** What a kernel family must know of the machine it writes a program for. */
export interface Target {
  readonly name: InstructionSet;
  /** float32 lanes in a vector register. */
  readonly lanes: number;
  /** Vector registers that a program can use without spilling. */
  readonly registers: number;
  /**
   * Whether an element of memory comes into every lane as cheaply as a vector is loaded. Where it
   * does not, elements are loaded by the vector and broadcast lane by lane.
   */
  readonly cheapBroadcast: boolean;
  /** Whether a multiply-add is one instruction, which rounds once. */
  readonly fusesMultiplyAdd: boolean;
}

/**
 * WebAssembly with relaxed SIMD as V8 compiles it on x86-64: 16 registers, one of them V8's own, and every
 * access to memory checked.
 */
export const WASM_TARGET: Target = {
  name: "wasm",
  lanes: 4,
  registers: 15,
  cheapBroadcast: false,
  fusesMultiplyAdd: true,
};

/**
 * WebAssembly SIMD of runtimes without the relaxed instructions, or on processors that do not fuse those: what
 * differs is how a multiply-add is encoded, so plans are the same.
 */
export const UNFUSED_WASM_TARGET: Target = { ...WASM_TARGET, fusesMultiplyAdd: false };

/** x86-64 with AVX2 and FMA. */
export const AVX2_TARGET: Target = {
  name: "avx2",
  lanes: 8,
  registers: 16,
  cheapBroadcast: true,
  fusesMultiplyAdd: true,
};

/** x86-64 with AVX-512 F, DQ, BW and VL. */
export const AVX512_TARGET: Target = {
  name: "avx512",
  lanes: 16,
  registers: 32,
  cheapBroadcast: true,
  fusesMultiplyAdd: true,
};
