import type { Region, Watch } from "../src/codegen/interpret.ts";
import type { Program } from "../src/codegen/program.ts";
import type { Phase } from "../src/engine/work.ts";
import type { Plan } from "../src/kernels/plan.ts";
import type { CaseOperands } from "./_arbitrary.ts";
import { sameBits } from "./engine/_same.ts";
import {
  forgetScratch,
  interpretTiles,
  type PlanMemory,
  planMemory,
  type Tile,
  tilesOf,
} from "./_interpret_plan.ts";

/**
 * Says what keeps tiles of a plan from being run again at any time, by several threads at once and while
 * later phases run; `null` if nothing does. An element that all threads share is written by one phase
 * only, always with its final value, and read by none but later ones.
 */
export function findUnrepeatable(plan: Plan, operands: CaseOperands): string | null {
  let current = 0;
  const run = new PlanRun(plan, operands, (buffer, { length }) => {
    const history = new History(length);
    const check = (index: number, fault: string | null) => {
      if (fault !== null) throw new Unrepeatable(`Element ${index} of "${buffer}" ${fault}`);
    };
    return {
      read: (index) => check(index, history.read(index, current)),
      write: (index, value) => check(index, history.write(index, current, value)),
    };
  });
  try {
    for (const phase of run.phases) {
      current++;
      run.tiles(phase, tilesOf(phase));
    }
    return null;
  } catch (error) {
    if (!(error instanceof Unrepeatable)) throw error;
    return `${error.message}, in phase "${run.phases[current - 1]?.name}"`;
  }
}

class Unrepeatable extends Error {}

/** Which phases, counted from 1, have used the elements of a buffer. */
class History {
  /** The first that read an element, and the one that wrote it; 0 for none. */
  readonly #readers: Uint8Array;
  readonly #writers: Uint8Array;
  readonly #values: Float32Array;

  constructor(length: number) {
    this.#readers = new Uint8Array(length);
    this.#writers = new Uint8Array(length);
    this.#values = new Float32Array(length);
  }

  /** Notes that a phase reads an element, and says what is wrong with that. */
  read(index: number, phase: number): string | null {
    this.#readers[index] ||= phase;
    return this.#writers[index] === phase ? "is read by the phase that has written it" : null;
  }

  /** The same where it writes it. */
  write(index: number, phase: number, value: number): string | null {
    if (this.#readers[index] !== 0) return "is written after it has been read";
    const writer = this.#writers[index];
    const before = this.#values[index] ?? NaN;
    this.#writers[index] = phase;
    this.#values[index] = value;
    if (writer === 0) return null;
    if (writer !== phase) return "is written by a second phase";
    return Object.is(before, value) ? null : `becomes ${before} and then ${value}`;
  }
}

/**
 * Says what becomes of a plan's results if tiles are held up half way and run again, twice, in another
 * order, also when their phase and the next ones are over; `null` if nothing does.
 */
export function findDisturbance(plan: Plan, operands: CaseOperands): string | null {
  const stores = new Map<Program, number>();
  const undisturbed = runCounting(plan, operands, stores);
  const disturbed = runDisturbed(plan, operands, stores);
  const index = plan.buffers.findIndex(({ perThread = false }, buffer) => {
    const [is, should] = [disturbed[buffer], undisturbed[buffer]];
    return !perThread && is !== undefined && should !== undefined && !sameBits(is, should);
  });
  return index < 0 ? null : `"${plan.buffers[index]?.name}" becomes another`;
}

/** Runs a plan once; notes how many elements of shared memory a tile of each program writes. */
function runCounting(
  plan: Plan,
  operands: CaseOperands,
  stores: Map<Program, number>,
): PlanMemory {
  let count = 0;
  const run = new PlanRun(plan, operands, () => ({ read: () => {}, write: () => count++ }));
  for (const phase of run.phases) {
    for (const tile of tilesOf(phase)) {
      count = 0;
      run.tiles(phase, [tile]);
      const program = phase.programs[tile.program];
      if (program !== undefined) stores.set(program, count);
    }
  }
  return run.memory;
}

class Interruption extends Error {}

function runDisturbed(
  plan: Plan,
  operands: CaseOperands,
  stores: ReadonlyMap<Program, number>,
): PlanMemory {
  let left = Infinity;
  const run = new PlanRun(plan, operands, () => ({
    read: () => {},
    write: () => {
      if (left-- <= 0) throw new Interruption();
    },
  }));
  const half = (phase: Phase, tile: Tile) => {
    const program = phase.programs[tile.program];
    left = program === undefined ? 0 : Math.ceil((stores.get(program) ?? 0) / 2);
    try {
      run.tiles(phase, [tile]);
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
    }
    left = Infinity;
  };
  for (const [index, phase] of run.phases.entries()) {
    const tiles = tilesOf(phase).toReversed();
    for (const tile of tiles) {
      half(phase, tile);
      run.tiles(phase, [tile]);
    }
    run.tiles(phase, tiles);
    for (const over of run.phases.slice(0, index + 1)) {
      for (const tile of tilesOf(over)) half(over, tile);
    }
  }
  return run.memory;
}

/** A plan on the way through its phases, with every access to memory that threads share watched. */
class PlanRun {
  readonly phases: readonly Phase[];
  readonly memory: PlanMemory;
  readonly #plan: Plan;
  readonly #regions: readonly Region[];

  constructor(
    plan: Plan,
    operands: CaseOperands,
    watch: (buffer: string, data: Float32Array) => Watch,
  ) {
    this.#plan = plan;
    this.phases = [...plan.preparation, ...plan.phases];
    this.memory = planMemory(plan, operands);
    this.#regions = plan.buffers.map(({ name, perThread = false }, buffer) => {
      const data = this.memory[buffer] ?? new Float32Array();
      const region = { name, data, writable: true };
      return perThread ? region : { ...region, watch: watch(name, data) };
    });
  }

  tiles(phase: Phase, tiles: readonly Tile[]): void {
    const forget = () => forgetScratch(this.#plan, this.#regions);
    interpretTiles(phase, tiles, this.#regions, forget);
  }
}
