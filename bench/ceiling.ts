/**
 * How fast the machine could be: fused multiply-adds on registers alone, in the same WebAssembly that
 * the kernels are written in, on the same threads.
 *
 * @module
 */

import { Engine } from "../mod.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../src/codegen/program.ts";
import { WASM_TARGET } from "../src/codegen/target.ts";
import { runtimeOf } from "../src/engine/engine.ts";
import type { PhaseRun } from "../src/engine/dispatcher.ts";
import type { Task } from "../src/engine/runtime.ts";
import type { Phase } from "../src/engine/work.ts";

/** Enough to hide the latency of a multiply-add on two ports, and with both factors in 15 registers. */
const ACCUMULATORS = 12;

/** Rounds through all accumulators in a turn of the loop, so that the loop itself does not count. */
const ROUNDS = 4;
const TURNS = 5000;

/** Each takes some 40 microseconds: many enough for threads to share evenly. */
const TILES = 64;

const LANES = WASM_TARGET.lanes;
const VECTOR_BYTES = LANES * FLOAT_BYTES;
const BUFFER_BYTES = ACCUMULATORS * VECTOR_BYTES;
const MEMORY_BYTES = 2 ** 22;

/** Floating-point operations of one {@linkcode Ceiling.run}. */
export const CEILING_FLOP = TILES * TURNS * ROUNDS * ACCUMULATORS * LANES * 2;

/** The ceiling for one number of threads. */
export class Ceiling implements Disposable {
  readonly threads: number;
  readonly #engine: Engine;
  readonly #phaseRun: PhaseRun;

  private constructor(threads: number, engine: Engine) {
    this.threads = threads;
    this.#engine = engine;
    // Zeros to begin with, and zeros for ever: nothing overflows.
    const { address } = runtimeOf(engine).allocate(BUFFER_BYTES * threads);
    this.#phaseRun = { phase: PHASE, bases: [address] };
  }

  /** Starts the threads and waits until they are up. */
  static async open(threads: number): Promise<Ceiling> {
    const engine = new Engine({ threads, memory: MEMORY_BYTES });
    await engine.ready;
    return new Ceiling(threads, engine);
  }

  /** Computes {@linkcode CEILING_FLOP} operations. */
  run(): void {
    runtimeOf(this.#engine).runSync(once(this.#phaseRun));
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    this.#engine.close();
  }
}

function* once(phaseRun: PhaseRun): Task<void> {
  yield phaseRun;
}

const PHASE: Phase = {
  name: "ceiling",
  programs: [registerProgram()],
  grids: [{
    program: 0,
    extents: [TILES],
    args: [{ buffer: 0, offset: 0, threadStep: BUFFER_BYTES, steps: [0] }],
  }],
  cost: 1e6,
};

function registerProgram(): Program {
  const builder = new ProgramBuilder("multiply-adds on registers", LANES, 1);
  const accumulators = builder.registers(ACCUMULATORS);
  const [a, b] = [builder.register(), builder.register()];
  builder.load(a, 0);
  builder.load(b, 0);
  for (const register of accumulators) builder.zero(register);
  builder.loop(TURNS, () => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const register of accumulators) builder.fma(register, a, b);
    }
  });
  accumulators.forEach((register, index) => builder.store(register, 0, index * VECTOR_BYTES));
  return builder.build();
}
