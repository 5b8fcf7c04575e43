/**
 * Machine code for the processor at hand, placed in memory of its own.
 *
 * @module
 */

import { machineCodeLoader } from "../../workers/tiles.ts";
import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { encodeX64, encodingX64 } from "../codegen/x64/encode.ts";
import type { Steps } from "../base/steps.ts";
import type { NativeCode } from "../platform/native_code.ts";
import { CodeMemory } from "./code_memory.ts";
import type { CompiledPrograms, Compiler, Workbench } from "./compiler.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** Tells the addresses of machine code from a WebAssembly module. */
const MACHINE_CODE_WORD = 1n;

/** Room for the code of all phases that are kept, and for the largest of them many times. */
const CODE_BYTES = 2 ** 26;

/** Machine code for one instruction set. */
export class NativeCompiler implements Compiler {
  readonly target: Target;
  readonly #native: NativeCode;

  /**
   * @param target The instruction set; the processor must have it.
   * @param native How to make code executable, and to call it.
   */
  constructor(target: Target, native: NativeCode) {
    this.target = target;
    this.#native = native;
  }

  encode(program: Program): Uint8Array<ArrayBuffer> {
    return encodeX64([program], this.target).code;
  }

  /** @throws {RangeError} If the host has no memory for the code. */
  open({ memory }: SharedMemory): Workbench {
    const { addressOf } = this.#native;
    const codeMemory = new CodeMemory(this.#native, CODE_BYTES);
    const load = machineCodeLoader(this.#native, memory);
    // It never moves.
    const start = addressOf(new Uint8Array(memory.buffer));
    return {
      codeMemory: codeMemory.memory,
      reachesArrays: true,
      compiling: (programs) => compiling(programs, this.target, codeMemory, load),
      addressOf: (array) => addressOf(array) - start,
    };
  }
}

function* compiling(
  programs: readonly Program[],
  target: Target,
  codeMemory: CodeMemory,
  load: ReturnType<typeof machineCodeLoader>,
): Steps<CompiledPrograms | null> {
  const { code, entries } = yield* encodingX64(programs, target);
  const placed = codeMemory.place(code);
  if (placed === null) return null;
  const addresses = BigUint64Array.from([
    MACHINE_CODE_WORD,
    ...entries.map((entry) => placed.address + BigInt(entry)),
  ]);
  const table = new Uint8Array(addresses.buffer);
  return { functions: load(table), code: table, release: placed.release };
}
