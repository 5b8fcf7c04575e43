/**
 * Compiled code of the phases in use.
 *
 * @module
 */

import { finish, type Steps } from "../base/steps.ts";
import type { CompiledPrograms, TileFunction, Workbench } from "./compiler.ts";
import type { Block } from "./heap.ts";
import type { ModuleLocation } from "./job.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { Phase } from "./work.ts";

/** A phase's code: runnable on this thread, and what the others make theirs from. */
interface CompiledPhase extends CompiledPrograms {
  readonly id: number;
  /** Where the workers read it, once it has been published. */
  location: Block | null;
}

/** Phases whose code is kept; the one that was longest not used makes room for a new one. */
const MOST_PHASES = 512;

/** Compiles each phase once. Equal geometries share their plan, and so its phases and their code. */
export class CodeCache {
  readonly #shared: SharedMemory;
  readonly #workbench: Workbench;
  readonly #compiled = new Map<Phase, CompiledPhase>();
  #nextId = 1;
  #isRetired = false;

  constructor(shared: SharedMemory, workbench: Workbench) {
    this.#shared = shared;
    this.#workbench = workbench;
  }

  /** Whether a phase has been compiled. */
  has(phase: Phase): boolean {
    return this.#compiled.has(phase);
  }

  /** Compiles a phase bit by bit, if it has not been. */
  *compiling(phase: Phase): Steps<void> {
    if (this.#known(phase) === undefined) yield* this.#compiling(phase);
  }

  /** The programs of a phase, callable on this thread. */
  functions(phase: Phase): readonly TileFunction[] {
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
    for (const compiled of this.#compiled.values()) this.#unpublish(compiled);
  }

  /** From now on no code is freed: a thread that got lost may be running it. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Frees all code for good. No thread may be running any. */
  release(): void {
    for (const compiled of this.#compiled.values()) compiled.release();
    this.#compiled.clear();
  }

  #compile(phase: Phase): CompiledPhase {
    return this.#known(phase) ?? finish(this.#compiling(phase));
  }

  /** The code of a phase, if it is there, which is now the last to be dropped. */
  #known(phase: Phase): CompiledPhase | undefined {
    const known = this.#compiled.get(phase);
    if (known === undefined) return undefined;
    this.#compiled.delete(phase);
    this.#compiled.set(phase, known);
    return known;
  }

  *#compiling(phase: Phase): Steps<CompiledPhase> {
    let programs = yield* this.#workbench.compiling(phase.programs);
    while (programs === null && this.#dropOldest()) {
      programs = yield* this.#workbench.compiling(phase.programs);
    }
    if (programs === null) {
      throw new RangeError(`Engine: there is no executable memory for "${phase.name}"`);
    }
    if (this.#compiled.size >= MOST_PHASES) this.#dropOldest();
    const compiled: CompiledPhase = { ...programs, id: this.#nextId++, location: null };
    this.#compiled.set(phase, compiled);
    return compiled;
  }

  /** Drops the phase that was longest not used; whether there was one. */
  #dropOldest(): boolean {
    const [oldest] = this.#compiled;
    if (oldest === undefined) return false;
    const [phase, compiled] = oldest;
    this.#compiled.delete(phase);
    this.#unpublish(compiled);
    if (!this.#isRetired) compiled.release();
    return true;
  }

  #copy(code: Uint8Array): Block | null {
    const block = this.#shared.heap.allocate(code.length);
    if (block === null) return null;
    new Uint8Array(this.#shared.memory.buffer).set(code, block.address);
    return block;
  }

  #unpublish(compiled: CompiledPhase): void {
    if (compiled.location !== null) this.#shared.heap.release(compiled.location);
    compiled.location = null;
  }
}
