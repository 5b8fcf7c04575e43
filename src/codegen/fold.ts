/**
 * Loads that become operands of arithmetic: what is loaded for one multiply-add only needs no register
 * and no instruction of its own.
 *
 * @module
 */

import { type FromMemory, type Linear, type Step, visitRegisters } from "./linear.ts";
import type { Register } from "./program.ts";

/** What an instruction set can take from memory as an operand of arithmetic. */
export interface Foldable {
  /** Whether also one element for every lane. */
  readonly broadcasts: boolean;
}

/**
 * Makes loads operands where nothing else uses what they load, nothing is stored in between and their
 * pointer stays as it is.
 */
export function foldLoads(linear: Linear, { broadcasts }: Foldable): Linear {
  const references = referencesOf(linear);
  const { lanes } = linear.program;
  const folded: (Step | null)[] = [...linear.steps];
  /** Loads that may still be folded, by what they write. */
  const pending = new Map<Register, number>();
  const forget = {
    read: (register: Register) => void pending.delete(register),
    write: (register: Register) => void pending.delete(register),
  };
  linear.steps.forEach((step, index) => {
    const operand = foldedOperand(
      step,
      (register) => pending.has(register) && references.diesAt(register, index),
    );
    if (operand !== null) {
      const at = pending.get(operand.register) ?? 0;
      const load = linear.steps[at];
      if (load?.op === "load" || load?.op === "broadcast") {
        const { ptr, offset } = load;
        folded[at] = null;
        folded[index] = { ...operand.step, ptr, offset, broadcast: load.op === "broadcast" };
      }
    }
    visitRegisters(step, forget);
    switch (step.op) {
      case "load":
        if (step.lanes === lanes) pending.set(step.dst, index);
        return;
      case "broadcast":
        if (broadcasts) pending.set(step.dst, index);
        return;
      case "advance":
      case "point": {
        const moved = step.op === "advance" ? step.ptr : step.dst;
        for (const [register, at] of pending) {
          const load = linear.steps[at];
          if (load !== undefined && "ptr" in load && load.ptr === moved) pending.delete(register);
        }
        return;
      }
      case "store":
      case "scatter":
      case "begin":
      case "end":
        pending.clear();
    }
  });
  return { ...linear, steps: folded.filter((step) => step !== null) };
}

/** What is known of a folded step without the load. */
interface Operand {
  readonly register: Register;
  readonly step: Pick<FromMemory, "op" | "dst" | "a">;
}

/** The operand of a step that `isFoldable`, `null` if there is none. */
function foldedOperand(step: Step, isFoldable: (register: Register) => boolean): Operand | null {
  if (step.op !== "fma" && step.op !== "add" && step.op !== "sub" && step.op !== "mul") return null;
  const { a, b } = step;
  const dst = step.op === "fma" ? step.acc : step.dst;
  const op = `${step.op}Memory` as const;
  const isSum = (register: Register) => step.op === "fma" && register === dst;
  if (a === b) return null;
  if (!isSum(b) && isFoldable(b)) return { register: b, step: { op, dst, a } };
  if (step.op === "sub" || isSum(a) || !isFoldable(a)) return null;
  return { register: a, step: { op, dst, a: b } };
}

interface References {
  /** Whether what a register holds is not read after a step. */
  readonly diesAt: (register: Register, step: number) => boolean;
}

function referencesOf({ program, steps, loops }: Linear): References {
  const places: number[][] = Array.from({ length: program.registers }, () => []);
  const reads: boolean[][] = Array.from({ length: program.registers }, () => []);
  const begins = new Int32Array(loops.length);
  const ends = new Int32Array(loops.length);
  const loopOf = new Int32Array(steps.length);
  let now = 0;
  let loop = -1;
  const note = (register: Register, isRead: boolean) => {
    // A step that both reads and writes counts as one that reads.
    if (places[register]?.at(-1) === now) return;
    places[register]?.push(now);
    reads[register]?.push(isRead);
  };
  const uses = {
    read: (register: Register) => note(register, true),
    write: (register: Register) => note(register, false),
  };
  steps.forEach((step, index) => {
    now = index;
    if (step.op === "begin") begins[loop = step.loop] = index;
    loopOf[index] = loop;
    if (step.op === "end") {
      ends[loop] = index;
      loop = loops[loop]?.outer ?? -1;
    } else visitRegisters(step, uses);
  });

  const diesAt = (register: Register, step: number): boolean => {
    const all = places[register] ?? [];
    const isRead = reads[register] ?? [];
    const next = firstAfter(all, step);
    if (isRead[next]) return false;
    const until = all[next] ?? steps.length;
    for (let loop = loopOf[step] ?? -1; loop >= 0; loop = loops[loop]?.outer ?? -1) {
      if ((ends[loop] ?? 0) > until) break;
      if (isRead[firstAfter(all, begins[loop] ?? 0)]) return false;
    }
    return true;
  };
  return { diesAt };
}

/** Index of the first of ascending numbers that is greater than `bound`. */
function firstAfter(ascending: readonly number[], bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
