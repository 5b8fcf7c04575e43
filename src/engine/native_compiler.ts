/**
 * Machine code for the processor at hand, placed in memory of its own.
 *
 * @module
 */

import { machineCodeLoader } from "../../workers/tiles.ts";
import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { encodeX64 } from "../codegen/x64.ts";
import type { CompiledPrograms, Compiler } from "./compiler.ts";
import type { Libc } from "./libc.ts";
import { placeCode } from "./machine_code.ts";

/** Tells the addresses of machine code from a WebAssembly module. */
const MACHINE_CODE_WORD = 1n;

type Loader = ReturnType<typeof machineCodeLoader>;

/** Machine code for one instruction set. */
export class NativeCompiler implements Compiler {
  readonly target: Target;
  readonly reachesArrays = true;
  readonly #libc: Libc;
  /** One for each memory. */
  readonly #loaders = new WeakMap<WebAssembly.Memory, Loader>();
  /** Where each memory lies: it never moves. */
  readonly #starts = new WeakMap<WebAssembly.Memory, number>();

  /**
   * @param target The instruction set; the processor must have it.
   * @param libc How to get memory.
   */
  constructor(target: Target, libc: Libc) {
    this.target = target;
    this.#libc = libc;
  }

  addressOf(array: Float32Array, memory: WebAssembly.Memory): number {
    const start = this.#starts.get(memory) ?? addressOf(new Uint8Array(memory.buffer));
    this.#starts.set(memory, start);
    return addressOf(array) - start;
  }

  encode(program: Program): Uint8Array<ArrayBuffer> {
    return encodeX64([program], this.target).code;
  }

  /** @throws {RangeError} If there is no executable memory left. */
  compile(programs: readonly Program[], memory: WebAssembly.Memory): CompiledPrograms {
    const { code, entries } = encodeX64(programs, this.target);
    const placed = placeCode(this.#libc, code);
    if (placed === null) {
      throw new RangeError(`Engine: ${code.length} bytes of executable memory cannot be had`);
    }
    const addresses = BigUint64Array.from([
      MACHINE_CODE_WORD,
      ...entries.map((entry) => placed.address + BigInt(entry)),
    ]);
    const table = new Uint8Array(addresses.buffer);
    return {
      functions: this.#loader(memory)(table),
      code: table,
      release: placed.release,
    };
  }

  #loader(memory: WebAssembly.Memory): Loader {
    const loader = this.#loaders.get(memory) ?? machineCodeLoader(memory);
    this.#loaders.set(memory, loader);
    return loader;
  }
}

/** Addresses of user space take 47 bits: a number holds them exactly. */
function addressOf(array: ArrayBufferView): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array)));
}
