/**
 * How fast the machine could be: fused multiply-adds on registers alone, in the same code that the
 * kernels of a backend are written in, on the same threads.
 *
 * @module
 */

import { Engine } from "../mod.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../src/codegen/program.ts";
import type { Target } from "../src/codegen/target.ts";
import { runtimeOf } from "../src/engine/engine.ts";
import type { PhaseRun } from "../src/engine/dispatcher.ts";
import type { Task } from "../src/engine/runtime.ts";
import type { Phase } from "../src/engine/work.ts";
import type { Backend } from "./backends.ts";

/**
 * Accumulators for the registers of a target: more than the 8 to 10 that hide the latency of a
 * multiply-add on two ports, and with both factors in the fewest registers, 15.
 */
const accumulatorsOf = ({ registers }: Target): number => registers >= 32 ? 24 : 12;

/** Rounds through all accumulators in a turn of the loop, so that the loop itself does not count. */
const ROUNDS = 4;

/** In all turns of a tile; however wide they are, the processor issues about as many in a second. */
const MULTIPLY_ADDS = 240_000;

/** Each takes some 40 microseconds: many enough for threads to share evenly. */
const TILES = 64;

const MEMORY_BYTES = 2 ** 22;

/** The ceiling of one backend for one number of threads. */
export class Ceiling implements Disposable {
  readonly backend: Backend;
  readonly threads: number;
  /** Floating-point operations of one {@linkcode Ceiling.run}. */
  readonly flop: number;
  readonly #engine: Engine;
  readonly #phaseRun: PhaseRun;

  private constructor(threads: number, engine: Engine) {
    const { target } = runtimeOf(engine);
    this.backend = engine.backend;
    this.threads = threads;
    this.flop = TILES * MULTIPLY_ADDS * target.lanes * 2;
    this.#engine = engine;
    // Zeros to begin with, and zeros for ever: nothing overflows.
    const { address } = runtimeOf(engine).allocate(bufferBytesOf(target) * threads);
    this.#phaseRun = { phase: phaseFor(target), bases: [address] };
  }

  /** Starts the threads and waits until they are up. */
  static async open(backend: Backend, threads: number): Promise<Ceiling> {
    const engine = new Engine({ backend, threads, memory: MEMORY_BYTES });
    await engine.ready;
    return new Ceiling(threads, engine);
  }

  /** Computes {@linkcode Ceiling.flop} operations. */
  run(): void {
    runtimeOf(this.#engine).runSync(once(this.#phaseRun));
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    this.#engine.close();
  }
}

/** One for each backend and number of threads. */
export async function openCeilings(
  backends: readonly Backend[],
  threadCounts: readonly number[],
  stack: DisposableStack,
): Promise<readonly Ceiling[]> {
  const ceilings: Ceiling[] = [];
  for (const backend of backends) {
    for (const threads of threadCounts) {
      ceilings.push(stack.use(await Ceiling.open(backend, threads)));
    }
  }
  return ceilings;
}

function* once(phaseRun: PhaseRun): Task<void> {
  yield phaseRun;
}

function phaseFor(target: Target): Phase {
  return {
    name: "ceiling",
    programs: [registerProgram(target)],
    grids: [{
      program: 0,
      extents: [TILES],
      args: [{ buffer: 0, offset: 0, threadStep: bufferBytesOf(target), steps: [0] }],
    }],
    cost: 1e6,
  };
}

function vectorBytesOf({ lanes }: Target): number {
  return lanes * FLOAT_BYTES;
}

/** One vector for each accumulator. */
function bufferBytesOf(target: Target): number {
  return accumulatorsOf(target) * vectorBytesOf(target);
}

function registerProgram(target: Target): Program {
  const builder = new ProgramBuilder("multiply-adds on registers", target.lanes, 1);
  const accumulators = builder.registers(accumulatorsOf(target));
  const [a, b] = [builder.register(), builder.register()];
  builder.load(a, 0);
  builder.load(b, 0);
  for (const register of accumulators) builder.zero(register);
  builder.loop(MULTIPLY_ADDS / (ROUNDS * accumulators.length), () => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const register of accumulators) builder.fma(register, a, b);
    }
  });
  accumulators.forEach((register, index) =>
    builder.store(register, 0, index * vectorBytesOf(target))
  );
  return builder.build();
}
