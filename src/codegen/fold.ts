/**
 * Loads that become operands of arithmetic: what is loaded for one multiply-add only needs no register
 * and no instruction of its own.
 *
 * @module
 */

import {
  type FromMemory,
  type Linear,
  MOST_READS,
  NOBODY,
  replaced,
  type Step,
  type Uses,
} from "./linear.ts";
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
  const { program, registers, pointers } = linear;
  const references = new References(registers, program.registers);
  const result: (Step | null)[] = [...linear.steps];
  let changed = false;
  /** For each register, the step that loads it if that may still be folded. */
  const pending = new Int32Array(program.registers).fill(NOBODY);
  /** For each pointer, the first step whose loads through it can still be folded. */
  const unmoved = new Int32Array(program.pointers);
  let nothingStored = 0;
  for (let index = 0; index < result.length; index++) {
    const step = linear.steps[index];
    if (step === undefined) break;
    switch (step.op) {
      case "load":
        pending[step.dst] = step.lanes === program.lanes ? index : NOBODY;
        break;
      case "broadcast":
        pending[step.dst] = broadcasts ? index : NOBODY;
        break;
      case "fma":
      case "add":
      case "sub":
      case "mul": {
        const operand = foldedOperand(step, (register) => {
          const load = pending[register] ?? NOBODY;
          const pointer = pointers.reads[MOST_READS * load] ?? NOBODY;
          return load >= nothingStored && load >= (unmoved[pointer] ?? 0) &&
            references.after(register, load) === index &&
            diesAt(linear, references, register, index);
        });
        if (operand === null) break;
        const at = pending[operand.register] ?? NOBODY;
        const load = linear.steps[at];
        if (load?.op !== "load" && load?.op !== "broadcast") break;
        const { ptr, offset } = load;
        result[at] = null;
        result[index] = { ...operand.step, ptr, offset, broadcast: load.op === "broadcast" };
        changed = true;
        break;
      }
      case "advance":
        unmoved[step.ptr] = index;
        break;
      case "point":
        unmoved[step.dst] = index;
        break;
      case "store":
      case "scatter":
      case "begin":
      case "end":
        nothingStored = index;
    }
  }
  return changed ? replaced(linear, result) : linear;
}

/** What is known of a folded step without the load. */
interface Operand {
  readonly register: Register;
  readonly step: Pick<FromMemory, "op" | "dst" | "a">;
}

/** The operand of a step that `isFoldable`, `null` if there is none. */
function foldedOperand(
  step: Extract<Step, { readonly op: "fma" | "add" | "sub" | "mul" }>,
  isFoldable: (register: Register) => boolean,
): Operand | null {
  const { a, b } = step;
  const dst = step.op === "fma" ? step.acc : step.dst;
  const op = `${step.op}Memory` as const;
  const isSum = (register: Register) => step.op === "fma" && register === dst;
  if (a === b) return null;
  if (!isSum(b) && isFoldable(b)) return { register: b, step: { op, dst, a } };
  if (step.op === "sub" || isSum(a) || !isFoldable(a)) return null;
  return { register: a, step: { op, dst, a: b } };
}

/** Whether what a register holds after a step is not read any more. */
function diesAt(
  { registers, loops, loopOf }: Linear,
  references: References,
  register: Register,
  step: number,
): boolean {
  const next = references.after(register, step);
  if (next !== NOBODY && isRead(registers, next, register)) return false;
  let loop = loops[loopOf[step] ?? NOBODY];
  while (loop !== undefined && (next === NOBODY || loop.end < next)) {
    // The load itself is in the loop.
    if (isRead(registers, references.after(register, loop.begin), register)) return false;
    loop = loops[loop.outer];
  }
  return true;
}

function isRead({ reads }: Uses, step: number, register: Register): boolean {
  const at = MOST_READS * step;
  return reads[at] === register || reads[at + 1] === register || reads[at + 2] === register;
}

/** For each register, the steps that use it, in order. */
class References {
  readonly #steps: Int32Array;
  /** For each register, where its steps begin. */
  readonly #starts: Int32Array;

  constructor({ reads, writes }: Uses, registers: number) {
    const starts = new Int32Array(registers + 2);
    const names = (step: number, use: (name: number) => void) => {
      const at = MOST_READS * step;
      for (let i = 0; i < MOST_READS; i++) use(reads[at + i] ?? NOBODY);
      use(writes[step] ?? NOBODY);
    };
    // Names are counted two places further, so that filling leaves the starts behind.
    for (let step = 0; step < writes.length; step++) {
      names(step, (name) => {
        if (name !== NOBODY) starts[name + 2] = 1 + (starts[name + 2] ?? 0);
      });
    }
    for (let name = 2; name < starts.length; name++) {
      starts[name] = (starts[name] ?? 0) + (starts[name - 1] ?? 0);
    }
    this.#steps = new Int32Array(starts[registers + 1] ?? 0);
    for (let step = 0; step < writes.length; step++) {
      names(step, (name) => {
        if (name === NOBODY) return;
        const at = starts[name + 1] ?? 0;
        this.#steps[at] = step;
        starts[name + 1] = at + 1;
      });
    }
    this.#starts = starts;
  }

  /** The first step after another that uses a register, NOBODY if none does. */
  after(register: Register, step: number): number {
    const end = this.#starts[register + 1] ?? 0;
    let [low, high] = [this.#starts[register] ?? 0, end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle] ?? 0) > step) high = middle;
      else low = middle + 1;
    }
    return low < end ? this.#steps[low] ?? NOBODY : NOBODY;
  }
}
