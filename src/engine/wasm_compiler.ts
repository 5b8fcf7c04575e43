import type { Program } from "../codegen/program.ts";
import { type Target, UNFUSED_WASM_TARGET, WASM_TARGET } from "../codegen/target.ts";
import { encodeWasm, encodingWasm, memoryImport } from "../codegen/wasm/encode.ts";
import { fusesMultiplyAdd, hasSimd, type Validate } from "../codegen/wasm/features.ts";
import type { Steps } from "../base/steps.ts";
import type { CompiledPrograms, Compiler, TileFunction } from "./compiler.ts";

/**
 * What programs are written for where they become WebAssembly.
 *
 * @param validate Says what a runtime takes; default: this one.
 * @throws {Error} If it has no vectors.
 */
export function wasmTarget(validate?: Validate): Target {
  if (fusesMultiplyAdd(validate)) return WASM_TARGET;
  if (hasSimd(validate)) return UNFUSED_WASM_TARGET;
  throw new Error('Engine: backend "wasm" needs a runtime with WebAssembly SIMD');
}

/** WebAssembly SIMD: nearly everywhere, without permission. */
export function wasmCompiler(target: Target): Compiler {
  return {
    target,
    encode: (program: Program, pages: number): Uint8Array<ArrayBuffer> =>
      encodeWasm([program], pages, target),
    open: ({ memory, pages }) => ({
      codeMemory: null,
      reachesArrays: false,
      *compiling(programs: readonly Program[]): Steps<CompiledPrograms> {
        const code = yield* encodingWasm(programs, pages, target);
        yield;
        const module = new WebAssembly.Module(code);
        const { exports } = new WebAssembly.Instance(module, memoryImport(memory));
        const functions = programs.map((_, index) => exports[index] as TileFunction);
        return { functions, code, release() {} };
      },
      addressOf: () => null,
    }),
  };
}
