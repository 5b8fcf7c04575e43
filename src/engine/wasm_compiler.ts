import type { Program } from "../codegen/program.ts";
import { WASM_TARGET } from "../codegen/target.ts";
import { encodeWasm, encodingWasm, memoryImport } from "../codegen/wasm/encode.ts";
import type { Steps } from "../base/steps.ts";
import type { CompiledPrograms, Compiler, TileFunction } from "./compiler.ts";

/** WebAssembly SIMD: everywhere, without permission. */
export const WASM_COMPILER: Compiler = {
  target: WASM_TARGET,
  encode: (program: Program, pages: number): Uint8Array<ArrayBuffer> =>
    encodeWasm([program], pages),
  open: ({ memory, pages }) => ({
    codeMemory: null,
    reachesArrays: false,
    *compiling(programs: readonly Program[]): Steps<CompiledPrograms> {
      const code = yield* encodingWasm(programs, pages);
      yield;
      const module = new WebAssembly.Module(code);
      const { exports } = new WebAssembly.Instance(module, memoryImport(memory));
      const functions = programs.map((_, index) => exports[index] as TileFunction);
      return { functions, code, release() {} };
    },
    addressOf: () => null,
  }),
};
