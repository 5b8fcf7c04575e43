/**
 * Loads that become operands of arithmetic: what is loaded for one multiply-add only needs no register
 * and no instruction of its own.
 *
 * @module
 */

import { type FromMemory, type Linear, MOST_READS, NOBODY, type Step } from "./linear.ts";
import type { Register } from "../program.ts";

/** What an instruction set can take from memory as an operand of arithmetic. */
export interface Foldable {
  /** Whether also one element for every lane. */
  readonly broadcasts: boolean;
}

/** A program some of whose steps have become part of others. */
export interface Folded extends Omit<Linear, "steps"> {
  /** `null` for those. */
  readonly steps: readonly (Step | null)[];
}

/**
 * Makes loads operands where nothing else uses what they load, nothing is stored in between and their
 * pointer stays as it is. A register that ever carries a value into a loop, around it or out of it is
 * left alone.
 *
 * @param linear The program; what its steps use is changed.
 * @param foldable What the instruction set can do.
 */
export function foldLoads(linear: Linear, { broadcasts }: Foldable): Folded {
  const { program, registers, pointers } = linear;
  const values = followValues(linear);
  const result: (Step | null)[] = [...linear.steps];
  /** For each register, the step that loaded what it holds; NOBODY if it was not loaded. */
  const loadOf = new Int32Array(program.registers).fill(NOBODY);
  /** For each pointer, the last step that moved it. */
  const movedAt = new Int32Array(program.pointers);
  /** The last step that stored or that a loop begins or ends with. */
  let barrier = 0;
  const isFoldable = (register: Register) => {
    const load = loadOf[register] ?? NOBODY;
    if (load < barrier || values.reads[load] !== 1 || values.crosses[register] !== 0) return false;
    return load >= (movedAt[pointers.reads[MOST_READS * load] ?? NOBODY] ?? 0);
  };
  for (let index = 0; index < result.length; index++) {
    const step = linear.steps[index];
    if (step === undefined) break;
    const write = registers.writes[index] ?? NOBODY;
    let loaded = NOBODY;
    switch (step.op) {
      case "load":
        if (step.lanes === program.lanes) loaded = index;
        break;
      case "broadcast":
        if (broadcasts) loaded = index;
        break;
      case "fma":
      case "add":
      case "sub":
      case "mul": {
        const operand = foldedOperand(step, isFoldable);
        if (operand === null) break;
        const at = loadOf[operand.register] ?? NOBODY;
        const load = linear.steps[at];
        if (load?.op !== "load" && load?.op !== "broadcast") break;
        const { ptr, offset } = load;
        const { op, dst, a } = operand;
        result[at] = null;
        result[index] = { op, dst, a, ptr, offset, broadcast: load.op === "broadcast" };
        registers.set(at, NOBODY);
        pointers.set(at, NOBODY);
        registers.set(index, dst, a, op === "fmaMemory" ? dst : NOBODY);
        pointers.set(index, NOBODY, ptr);
        break;
      }
      case "advance":
        movedAt[step.ptr] = index;
        break;
      case "point":
        movedAt[step.dst] = index;
        break;
      case "store":
      case "scatter":
      case "begin":
      case "end":
        barrier = index;
    }
    if (write !== NOBODY) loadOf[write] = loaded;
  }
  return { ...linear, steps: result };
}

const FROM_MEMORY = {
  fma: "fmaMemory",
  add: "addMemory",
  sub: "subMemory",
  mul: "mulMemory",
} as const;

/** What is known of a folded step without the load. */
interface Operand extends Pick<FromMemory, "op" | "dst" | "a"> {
  readonly register: Register;
}

/** The operand of a step that `isFoldable`, `null` if there is none. */
function foldedOperand(
  step: Extract<Step, { readonly op: "fma" | "add" | "sub" | "mul" }>,
  isFoldable: (register: Register) => boolean,
): Operand | null {
  const { a, b } = step;
  const dst = step.op === "fma" ? step.acc : step.dst;
  const op = FROM_MEMORY[step.op];
  const isSum = (register: Register) => step.op === "fma" && register === dst;
  if (a === b) return null;
  if (!isSum(b) && isFoldable(b)) return { register: b, op, dst, a };
  if (step.op === "sub" || isSum(a) || !isFoldable(a)) return null;
  return { register: a, op, dst, a: b };
}

/** What becomes of what the steps write. */
interface Values {
  /** For each step, how many reads there are of the register that it writes before the next write. */
  readonly reads: Int32Array;
  /** For each register, whether it is read in a stretch without loops in which it was not written. */
  readonly crosses: Uint8Array;
}

function followValues({ program, steps, loopOf, loops, registers }: Linear): Values {
  const reads = new Int32Array(steps.length);
  const crosses = new Uint8Array(program.registers);
  const writtenAt = new Int32Array(program.registers).fill(NOBODY);
  let start = 0;
  for (let step = 0; step < steps.length; step++) {
    const loop = loops[loopOf[step] ?? NOBODY];
    if (loop !== undefined && (loop.begin === step || loop.end === step)) start = step;
    for (let i = MOST_READS * step; i < MOST_READS * (step + 1); i++) {
      const name = registers.reads[i] ?? NOBODY;
      if (name === NOBODY) break;
      const written = writtenAt[name] ?? NOBODY;
      if (written < start) crosses[name] = 1;
      else reads[written] = 1 + (reads[written] ?? 0);
    }
    const name = registers.writes[step] ?? NOBODY;
    if (name !== NOBODY) writtenAt[name] = step;
  }
  return { reads, crosses };
}
