/** What a kernel family must know of the machine it writes a program for. */
export interface Target {
  readonly name: string;
  /** float32 lanes in a vector register. */
  readonly lanes: number;
  /** Vector registers that a program can use without spilling. */
  readonly registers: number;
}

/** WebAssembly SIMD as V8 compiles it on x86-64: 16 registers, one of them V8's own. */
export const WASM_TARGET: Target = { name: "wasm", lanes: 4, registers: 15 };
