import { assertEquals } from "@std/assert";
import type { Engine } from "../../mod.ts";
import { Dispatcher } from "../../src/engine/dispatcher.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { Pool } from "../../src/engine/pool.ts";
import { CONTROL } from "../../src/engine/shared_memory.ts";

/** Sees to it that nobody holds a block: what is kept for later calls leaves. */
export function assertEmpty(engine: Engine, where: string): void {
  const { shared, capacity } = runtimeOf(engine);
  runtimeOf(engine).makeRoom(capacity);
  assertEquals(shared.heap.freeBytes, shared.heap.bytes, where);
}

/** Until it is disposed of, no worker starts, though each is counted on: none is there to trap. */
export function withoutWorkers(): Disposable {
  const { startNext, startDeserved } = Pool.prototype;
  Pool.prototype.startNext = () => {};
  Pool.prototype.startDeserved = () => false;
  return {
    [Symbol.dispose]() {
      Object.assign(Pool.prototype, { startNext, startDeserved });
    },
  };
}

/** A thread that is lost. */
export interface Loss extends Disposable {
  /** How many phases were shared in the memory that it was lost in. */
  readonly shared: () => number;
}

/**
 * Has a thread claim a unit of a phase that is shared, and never come back.
 *
 * @param at Which of those phases.
 */
export function lostThread(engine: Engine, at = 0): Loss {
  const { begin } = Dispatcher.prototype;
  const { control } = runtimeOf(engine).shared;
  let shared = 0;
  Dispatcher.prototype.begin = function (run, workers) {
    const before = Atomics.load(control, CONTROL.generation);
    if ("phase" in run) Object.assign(run.phase, { cost: 1e6 });
    const step = begin.call(this, run, workers);
    const isShared = Atomics.load(control, CONTROL.generation) !== before;
    if (isShared && shared++ === at) Atomics.add(control, CONTROL.claim, 1);
    return step;
  };
  return {
    shared: () => shared,
    [Symbol.dispose]() {
      Dispatcher.prototype.begin = begin;
    },
  };
}
