/**
 * Vector programs as one list of steps, with what an instruction reads and writes: what the allocation
 * of registers looks at.
 *
 * @module
 */

import type { Instruction, Pointer, Program, Register } from "./program.ts";

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
  /** How many loops are around it. */
  readonly depth: number;
  /** Whether it has no loops in it. */
  readonly innermost: boolean;
}

/** A program in the order in which its instructions are written. */
export interface Linear {
  readonly program: Program;
  readonly steps: readonly Step[];
  readonly loops: readonly Loop[];
}

/** The steps of a program. */
export function linearise(program: Program): Linear {
  const steps: Step[] = [];
  const loops: Loop[] = [];
  const visit = (block: readonly Instruction[], outer: number, depth: number) => {
    for (const instruction of block) {
      if (instruction.op !== "loop") {
        steps.push(instruction);
        continue;
      }
      const loop = loops.length;
      const { count, body } = instruction;
      const innermost = body.every(({ op }) => op !== "loop");
      loops.push({ count, outer, depth, innermost });
      steps.push({ op: "begin", loop });
      visit(body, loop, depth + 1);
      steps.push({ op: "end", loop });
    }
  };
  visit(program.body, -1, 0);
  return { program, steps, loops };
}

/** What is told of each register or pointer that a step uses. */
export interface Uses {
  readonly read: (name: number) => void;
  readonly write: (name: number) => void;
}

/** The vector registers that a step reads, then those that it writes. */
export function visitRegisters(step: Step, { read, write }: Uses): void {
  switch (step.op) {
    case "zero":
    case "load":
    case "gather":
    case "broadcast":
    case "constant":
      return write(step.dst);
    case "store":
    case "scatter":
      return read(step.src);
    case "lane":
    case "copy":
      read(step.src);
      return write(step.dst);
    case "fma":
      read(step.a);
      read(step.b);
      read(step.acc);
      return write(step.acc);
    case "add":
    case "sub":
    case "mul":
    case "max":
    case "min":
    case "shuffle":
      read(step.a);
      read(step.b);
      return write(step.dst);
    case "fmaMemory":
      read(step.a);
      read(step.dst);
      return write(step.dst);
    case "addMemory":
    case "subMemory":
    case "mulMemory":
      read(step.a);
      return write(step.dst);
    case "advance":
    case "point":
    case "begin":
    case "end":
      return;
  }
}

/** The pointers that a step reads, then those that it writes. */
export function visitPointers(step: Step, { read, write }: Uses): void {
  switch (step.op) {
    case "load":
    case "store":
    case "gather":
    case "scatter":
    case "broadcast":
    case "fmaMemory":
    case "addMemory":
    case "subMemory":
    case "mulMemory":
      return read(step.ptr);
    case "advance":
      read(step.ptr);
      return write(step.ptr);
    case "point":
      read(step.src);
      return write(step.dst);
    default:
      return;
  }
}
