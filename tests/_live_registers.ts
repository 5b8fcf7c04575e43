import type { Instruction, Program, Register } from "../src/codegen/program.ts";

/** From the first to the last instruction that a register occurs in, or must be kept for. */
interface Interval {
  readonly start: number;
  end: number;
}

/**
 * The most vector registers that are live at a time. A register lives from the first instruction that
 * it occurs in to the last one; if it is older than a loop that it occurs in, to the end of that loop.
 */
export function liveRegisters({ body }: Program): number {
  const intervals = new Map<Register, Interval>();
  walk(body, 0, intervals);
  const changes = [...intervals.values()].flatMap(({ start, end }) => [
    [start, 1] as const,
    [end + 1, -1] as const,
  ]);
  changes.sort(([a, rise], [b, fall]) => a - b || rise - fall);
  let live = 0;
  let most = 0;
  for (const [, change] of changes) {
    live += change;
    most = Math.max(most, live);
  }
  return most;
}

/** Numbers the instructions of a block from `position` on, and returns the number behind the last. */
function walk(
  block: readonly Instruction[],
  position: number,
  intervals: Map<Register, Interval>,
): number {
  let at = position;
  for (const instruction of block) {
    if (instruction.op === "loop") {
      const start = at;
      at = walk(instruction.body, start, intervals);
      for (const register of registersOf(instruction.body)) {
        const interval = intervals.get(register);
        if (interval !== undefined && interval.start < start) interval.end = at;
      }
      at++;
      continue;
    }
    for (const register of registersOf([instruction])) {
      const known = intervals.get(register);
      if (known === undefined) intervals.set(register, { start: at, end: at });
      else known.end = at;
    }
    at++;
  }
  return at;
}

/** The registers that occur in a block, loops included. */
function registersOf(block: readonly Instruction[]): Set<Register> {
  const registers = new Set<Register>();
  for (const instruction of block) {
    if (instruction.op === "loop") {
      for (const register of registersOf(instruction.body)) registers.add(register);
      continue;
    }
    for (const key of ["dst", "src", "acc", "a", "b", "c"] as const) {
      if (!(key in instruction) || instruction.op === "point") continue;
      const register = Reflect.get(instruction, key);
      if (typeof register === "number") registers.add(register);
    }
  }
  return registers;
}
