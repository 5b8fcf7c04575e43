/**
 * Compiled code of the phases in use.
 *
 * @module
 */

import { encodeWasm, memoryImport } from "../codegen/wasm.ts";
import type { Block } from "./heap.ts";
import type { ModuleLocation } from "./job.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { Phase } from "./work.ts";

/** A phase's code: runnable on this thread, and its bytes for the others. */
interface CompiledPhase {
  readonly id: number;
  readonly code: Uint8Array<ArrayBuffer>;
  readonly functions: readonly ((...pointers: number[]) => void)[];
  /** Where the workers read it, once it has been published. */
  location: Block | null;
}

/** Phases whose code is kept; the one that was longest not used makes room for a new one. */
const MOST_PHASES = 256;

/** Compiles each phase once. Equal geometries share their plan, and so its phases and their code. */
export class CodeCache {
  readonly #shared: SharedMemory;
  readonly #compiled = new Map<Phase, CompiledPhase>();
  #nextId = 1;

  constructor(shared: SharedMemory) {
    this.#shared = shared;
  }

  /** The programs of a phase, callable on this thread. */
  functions(phase: Phase): readonly ((...pointers: number[]) => void)[] {
    return this.#compile(phase).functions;
  }

  /** Puts the code of a phase where workers find it; `null` if there is no memory for it. */
  publish(phase: Phase): ModuleLocation | null {
    const compiled = this.#compile(phase);
    const { id, code } = compiled;
    compiled.location ??= this.#copy(code);
    if (compiled.location === null) return null;
    return { id, address: compiled.location.address, bytes: code.length };
  }

  /** Gives back the memory of all code; what is needed again is copied again. */
  evict(): void {
    for (const compiled of this.#compiled.values()) this.#release(compiled);
  }

  #compile(phase: Phase): CompiledPhase {
    const known = this.#compiled.get(phase);
    if (known !== undefined) {
      this.#compiled.delete(phase);
      this.#compiled.set(phase, known);
      return known;
    }
    const code = encodeWasm(phase.programs, this.#shared.pages);
    const module = new WebAssembly.Module(code);
    const { exports } = new WebAssembly.Instance(module, memoryImport(this.#shared.memory));
    const functions = phase.programs.map((_, index) =>
      exports[index] as (...pointers: number[]) => void
    );
    const compiled: CompiledPhase = { id: this.#nextId++, code, functions, location: null };
    const [oldest] = this.#compiled;
    if (this.#compiled.size >= MOST_PHASES && oldest !== undefined) {
      this.#compiled.delete(oldest[0]);
      this.#release(oldest[1]);
    }
    this.#compiled.set(phase, compiled);
    return compiled;
  }

  #copy(code: Uint8Array): Block | null {
    const block = this.#shared.heap.allocate(code.length);
    if (block === null) return null;
    new Uint8Array(this.#shared.memory.buffer).set(code, block.address);
    return block;
  }

  #release(compiled: CompiledPhase): void {
    if (compiled.location !== null) this.#shared.heap.release(compiled.location);
    compiled.location = null;
  }
}
