/**
 * Vector programs as one list of steps, with what each reads and writes: what the allocation of
 * registers looks at.
 *
 * @module
 */

import type { Instruction, Pointer, Program, Register } from "../program.ts";

/** An instruction that is not a loop. */
export type Plain = Exclude<Instruction, { readonly op: "loop" }>;

/** An arithmetic instruction whose last operand comes from memory. */
export interface FromMemory {
  readonly op: "fmaMemory" | "addMemory" | "subMemory" | "mulMemory";
  readonly dst: Register;
  readonly a: Register;
  readonly ptr: Pointer;
  readonly offset: number;
  /** Whether it is one element, for every lane. */
  readonly broadcast: boolean;
}

/** One step of a program. */
export type Step =
  | Plain
  | FromMemory
  /** The start of the loop of this index. */
  | { readonly op: "begin"; readonly loop: number }
  /** The end of the loop of this index. */
  | { readonly op: "end"; readonly loop: number };

/** A loop of a list of steps. */
export interface Loop {
  readonly count: number;
  /** Index of the loop around it; -1 if there is none. */
  readonly outer: number;
  /** Whether it has no loops in it. */
  readonly innermost: boolean;
  /** The step at which it begins. */
  readonly begin: number;
  /** The step at which it ends. */
  readonly end: number;
}

/** Reads that a step can make of registers. */
export const MOST_READS = 3;

/** Instead of a name where a step does not use one. */
export const NOBODY = -1;

/**
 * Which names the steps read and write. Steps are objects of many kinds, which are slow to look at: this
 * is written once and read by every analysis.
 */
export class Uses {
  /** For each step, {@linkcode MOST_READS} names, NOBODY behind the last. */
  readonly reads: Int32Array;
  /** For each step, the name that it writes after that. */
  readonly writes: Int32Array;

  constructor(steps: number) {
    this.reads = new Int32Array(MOST_READS * steps).fill(NOBODY);
    this.writes = new Int32Array(steps).fill(NOBODY);
  }

  set(step: number, write: number, a = NOBODY, b = NOBODY, c = NOBODY): void {
    this.writes[step] = write;
    const at = MOST_READS * step;
    this.reads[at] = a;
    this.reads[at + 1] = b;
    this.reads[at + 2] = c;
  }
}

/** A program in the order in which its instructions are written. */
export interface Linear {
  readonly program: Program;
  readonly steps: readonly Step[];
  readonly loops: readonly Loop[];
  /** For each step, the innermost loop that it is in, its own for a beginning or an end; or -1. */
  readonly loopOf: Int32Array;
  /** Vector registers. */
  readonly registers: Uses;
  /** Pointers and, behind them, the counters of the loops. */
  readonly pointers: Uses;
}

/** The steps of a program. */
export function linearise(program: Program): Linear {
  const steps: Step[] = [];
  const append = (block: readonly Instruction[], loops: number): number => {
    for (const instruction of block) {
      if (instruction.op !== "loop") {
        steps.push(instruction);
        continue;
      }
      const loop = loops++;
      steps.push({ op: "begin", loop });
      counts[loop] = instruction.count;
      loops = append(instruction.body, loops);
      steps.push({ op: "end", loop });
    }
    return loops;
  };
  const counts: number[] = [];
  append(program.body, 0);
  return analyse(program, steps, counts);
}

function analyse(program: Program, steps: readonly Step[], counts: readonly number[]): Linear {
  const loops: Loop[] = [];
  const loopOf = new Int32Array(steps.length);
  const registers = new Uses(steps.length);
  const pointers = new Uses(steps.length);
  let current = NOBODY;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index];
    if (step === undefined) break;
    switch (step.op) {
      case "begin": {
        const count = counts[step.loop] ?? 1;
        const outer = loops[current];
        if (outer !== undefined) loops[current] = { ...outer, innermost: false };
        loops.push({ count, outer: current, innermost: true, begin: index, end: index });
        current = step.loop;
        pointers.set(index, program.pointers + current);
        break;
      }
      case "end":
        pointers.set(index, NOBODY, program.pointers + step.loop);
        break;
      default:
        noteUses(step, index, registers, pointers);
    }
    loopOf[index] = current;
    if (step.op !== "end") continue;
    const loop = loops[current];
    if (loop === undefined) break;
    loops[current] = { ...loop, end: index };
    current = loop.outer;
  }
  return { program, steps, loops, loopOf, registers, pointers };
}

function noteUses(
  step: Plain | FromMemory,
  index: number,
  registers: Uses,
  pointers: Uses,
): void {
  switch (step.op) {
    case "fma":
      return registers.set(index, step.acc, step.a, step.b, step.acc);
    case "load":
    case "broadcast":
    case "gather":
      pointers.set(index, NOBODY, step.ptr);
      return registers.set(index, step.dst);
    case "fmaMemory":
      pointers.set(index, NOBODY, step.ptr);
      return registers.set(index, step.dst, step.a, step.dst);
    case "addMemory":
    case "subMemory":
    case "mulMemory":
      pointers.set(index, NOBODY, step.ptr);
      return registers.set(index, step.dst, step.a);
    case "store":
    case "scatter":
      pointers.set(index, NOBODY, step.ptr);
      return registers.set(index, NOBODY, step.src);
    case "zero":
    case "constant":
      return registers.set(index, step.dst);
    case "lane":
    case "copy":
    case "sqrt":
    case "shift":
      return registers.set(index, step.dst, step.src);
    case "prefetch":
      return pointers.set(index, NOBODY, step.ptr);
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "max":
    case "min":
    case "pmax":
    case "pmin":
    case "shuffle":
      return registers.set(index, step.dst, step.a, step.b);
    case "select":
      return registers.set(index, step.dst, step.a, step.b, step.c);
    case "advance":
      return pointers.set(index, step.ptr, step.ptr);
    case "point":
      return pointers.set(index, step.dst, step.src);
  }
}
