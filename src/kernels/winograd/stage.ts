/**
 * Where the values of a tile are between its two one-dimensional transforms. WebAssembly's compiler
 * brings those that find no register to the stack; on other targets a program says itself that they go
 * to memory, a vector after the other, which stays in a first-level cache.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { areHeld } from "./transform.ts";

/** Values by row and column. */
export interface Stage {
  put(row: number, column: number, value: Register): void;
  /** What was put there last. */
  get(row: number, column: number): Register;
  /**
   * What `body` writes for each of some rows. Where that is a loop, it is written for the first one, and
   * meanwhile each of `steps` moves its pointer from row to row.
   */
  overRows(first: number, count: number, steps: Steps, body: (row: number) => void): void;
  /** The same for some columns. */
  overColumns(first: number, count: number, steps: Steps, body: (column: number) => void): void;
}

/** A stage of registers: nothing can be a loop. */
export class RegisterStage implements Stage {
  readonly #values = new Map<string, Register>();

  put(row: number, column: number, value: Register): void {
    this.#values.set(`${row} ${column}`, value);
  }

  get(row: number, column: number): Register {
    const value = this.#values.get(`${row} ${column}`);
    if (value === undefined) throw new RangeError(`Nothing was put at ${row}, ${column}`);
    return value;
  }

  overRows(first: number, count: number, _steps: Steps, body: (row: number) => void): void {
    for (const i of range(count)) body(first + i);
  }

  overColumns(first: number, count: number, _steps: Steps, body: (column: number) => void): void {
    for (const i of range(count)) body(first + i);
  }
}

/** A stage in scratch memory, value after value. */
export class ScratchStage implements Stage {
  readonly #code: ProgramBuilder;
  readonly #pointer: Pointer;
  readonly #columnPitch: number;
  readonly #rowPitch: number;

  /**
   * @param code Where to write.
   * @param pointer The memory: of the thread's own, as these are no results that others may see.
   * @param columns Values of a row.
   */
  constructor(code: ProgramBuilder, pointer: Pointer, columns: number) {
    this.#code = code;
    this.#pointer = pointer;
    this.#columnPitch = code.lanes * FLOAT_BYTES;
    this.#rowPitch = columns * this.#columnPitch;
  }

  put(row: number, column: number, value: Register): void {
    this.#code.store(value, this.#pointer, this.#offset(row, column));
  }

  get(row: number, column: number): Register {
    const value = this.#code.register();
    this.#code.load(value, this.#pointer, this.#offset(row, column));
    return value;
  }

  overRows(first: number, count: number, steps: Steps, body: (row: number) => void): void {
    this.#code.sweep(count, [[this.#pointer, this.#rowPitch], ...steps], () => body(first));
  }

  overColumns(first: number, count: number, steps: Steps, body: (column: number) => void): void {
    this.#code.sweep(count, [[this.#pointer, this.#columnPitch], ...steps], () => body(first));
  }

  #offset(row: number, column: number): number {
    return row * this.#rowPitch + column * this.#columnPitch;
  }
}

/** Registers that a transform takes beside constants and the values on the stage. */
const TRANSFORM_REGISTERS = 10;

/**
 * Whether a stage is to be one in memory.
 *
 * @param target Whose registers are to do.
 * @param values Values on the stage.
 * @param constants What the transforms multiply by.
 */
export function isStaged(target: Target, values: number, constants: Iterable<number>): boolean {
  if (target.name === "wasm") return false;
  const held = areHeld(target) ? new Set(constants).size : 0;
  return values + held + TRANSFORM_REGISTERS > target.registers;
}
