/**
 * Runs a vector program with every access checked: for tests, where an address outside its buffer
 * must be an error and not somebody else's number.
 *
 * @module
 */

import { FLOAT_BYTES, type Instruction, type Program } from "./program.ts";

/** A buffer as the interpreter sees it: a pointer argument may touch this and nothing else. */
export interface Region {
  readonly name: string;
  /** The elements; a pointer's address counts bytes from the first. */
  readonly data: Float32Array;
  readonly writable: boolean;
  /** Told of each element before it is read or written; what it throws ends the program there. */
  readonly watch?: Watch;
}

/** Is told of accesses to the elements of a region. */
export interface Watch {
  read(index: number): void;
  write(index: number, value: number): void;
}

/** A pointer argument: a buffer and a byte offset into it. */
export interface PointerArgument {
  readonly region: Region;
  readonly offset: number;
}

/** A multiply-add of float32 numbers. */
export type MultiplyAdd = (acc: number, a: number, b: number) => number;

/** Rounded once, but for what float64 loses of the sum: a product of two float32 is exact there. */
export const fusedMultiplyAdd: MultiplyAdd = (acc, a, b) => Math.fround(a * b + acc);

/** Rounded after the product and after the sum. */
export const unfusedMultiplyAdd: MultiplyAdd = (acc, a, b) => Math.fround(Math.fround(a * b) + acc);

/**
 * Runs `program` once.
 *
 * @param program What to run.
 * @param args One pointer for each of its parameters.
 * @param multiplyAdd That of the target.
 * @throws {RangeError} If an access leaves its buffer, is not aligned to an element, or writes where
 * only reading is allowed; nothing of that access is carried out.
 */
export function interpret(
  program: Program,
  args: readonly PointerArgument[],
  multiplyAdd: MultiplyAdd = fusedMultiplyAdd,
): void {
  if (args.length !== program.parameters) {
    throw new RangeError(
      `Program "${program.name}" takes ${program.parameters} pointers, but ${args.length} came`,
    );
  }
  const origin = {
    region: { name: "nothing", data: new Float32Array(0), writable: false },
    offset: 0,
  };
  const pointers = Array.from({ length: program.pointers }, (_, i) => ({ ...(args[i] ?? origin) }));
  const registers = Array.from(
    { length: program.registers },
    () => new Float32Array(program.lanes),
  );
  runBlock(program.body, { program, pointers, registers, multiplyAdd });
}

interface State {
  readonly program: Program;
  readonly pointers: PointerArgument[];
  readonly registers: Float32Array[];
  readonly multiplyAdd: MultiplyAdd;
}

function runBlock(block: readonly Instruction[], state: State): void {
  for (const instruction of block) run(instruction, state);
}

function run(instruction: Instruction, state: State): void {
  const { lanes } = state.program;
  switch (instruction.op) {
    case "zero":
      register(state, instruction.dst).fill(0);
      return;
    case "load":
      return gather(state, instruction.dst, instruction.ptr, consecutive(instruction));
    case "store":
      return scatter(state, instruction.src, instruction.ptr, consecutive(instruction));
    case "gather":
      return gather(state, instruction.dst, instruction.ptr, instruction.offsets);
    case "scatter":
      return scatter(state, instruction.src, instruction.ptr, instruction.offsets);
    case "broadcast":
      return gather(
        state,
        instruction.dst,
        instruction.ptr,
        new Array<number>(lanes).fill(instruction.offset),
      );
    case "lane":
      register(state, instruction.dst).fill(
        lane(register(state, instruction.src), instruction.lane),
      );
      return;
    case "fma": {
      const acc = register(state, instruction.acc);
      const a = register(state, instruction.a);
      const b = register(state, instruction.b);
      const multiplyAdd = instruction.once ? fusedMultiplyAdd : state.multiplyAdd;
      for (let i = 0; i < lanes; i++) acc[i] = multiplyAdd(lane(acc, i), lane(a, i), lane(b, i));
      return;
    }
    case "constant":
      register(state, instruction.dst).fill(instruction.value);
      return;
    case "add":
      return combine(state, instruction, (a, b) => a + b);
    case "sub":
      return combine(state, instruction, (a, b) => a - b);
    case "mul":
      return combine(state, instruction, (a, b) => a * b);
    case "div":
      return combine(state, instruction, (a, b) => a / b);
    case "sqrt":
      register(state, instruction.dst).set(register(state, instruction.src).map(Math.sqrt));
      return;
    case "shift": {
      const bits = new Int32Array(register(state, instruction.src).slice().buffer);
      const shifted = bits.map((lane) => lane << instruction.bits);
      register(state, instruction.dst).set(new Float32Array(shifted.buffer));
      return;
    }
    case "max":
      return combine(state, instruction, Math.max);
    case "min":
      return combine(state, instruction, Math.min);
    case "select": {
      const [b, c] = [register(state, instruction.b), register(state, instruction.c)];
      const values = Array.from(
        register(state, instruction.a),
        (at, i) => lane(at <= 0 ? c : b, i),
      );
      register(state, instruction.dst).set(values);
      return;
    }
    case "shuffle": {
      const both = [...register(state, instruction.a), ...register(state, instruction.b)];
      const values = instruction.lanes.map((index) => lane(both, index));
      register(state, instruction.dst).set(values);
      return;
    }
    case "copy":
      register(state, instruction.dst).set(register(state, instruction.src));
      return;
    case "advance":
      return move(state, instruction.ptr, instruction.ptr, instruction.bytes);
    case "point":
      return move(state, instruction.dst, instruction.src, instruction.bytes);
    case "loop":
      for (let turn = 0; turn < instruction.count; turn++) runBlock(instruction.body, state);
      return;
  }
}

/** Lane by lane; one operation in float64, rounded, is that operation in float32. */
function combine(
  state: State,
  { dst, a, b }: { dst: number; a: number; b: number },
  operation: (a: number, b: number) => number,
): void {
  const [left, right] = [register(state, a), register(state, b)];
  const values = Array.from(left, (value, i) => operation(value, lane(right, i)));
  register(state, dst).set(values);
}

function consecutive({ offset, lanes }: { offset: number; lanes: number }): number[] {
  return Array.from({ length: lanes }, (_, i) => offset + i * FLOAT_BYTES);
}

function gather(state: State, dst: number, ptr: number, offsets: readonly number[]): void {
  const values = offsets.map((offset) => {
    const { data, index, region } = locate(state, ptr, offset);
    region.watch?.read(index);
    return lane(data, index);
  });
  const target = register(state, dst);
  target.fill(0);
  target.set(values);
}

function scatter(state: State, src: number, ptr: number, offsets: readonly number[]): void {
  const source = register(state, src);
  const places = offsets.map((offset) => locate(state, ptr, offset));
  places.forEach(({ data, index, region }, i) => {
    if (!region.writable) {
      throw new RangeError(
        `Program "${state.program.name}" writes to "${region.name}", which is read-only`,
      );
    }
    const value = lane(source, i);
    region.watch?.write(index, value);
    data[index] = value;
  });
}

function locate(
  state: State,
  ptr: number,
  offset: number,
): { data: Float32Array; index: number; region: Region } {
  const { region, offset: base } = pointer(state, ptr);
  const index = (base + offset) / FLOAT_BYTES;
  if (!Number.isInteger(index) || index < 0 || index >= region.data.length) {
    throw new RangeError(
      `Program "${state.program.name}" accesses element ${index} of "${region.name}", ` +
        `which has ${region.data.length}`,
    );
  }
  return { data: region.data, index, region };
}

function move(state: State, dst: number, src: number, bytes: number): void {
  const { region, offset } = pointer(state, src);
  state.pointers[dst] = { region, offset: offset + bytes };
}

function pointer(state: State, index: number): PointerArgument {
  return defined(state.pointers[index], state, `pointer ${index}`);
}

function register(state: State, index: number): Float32Array {
  return defined(state.registers[index], state, `register ${index}`);
}

function lane(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`Lane ${index} of a vector of ${values.length}`);
  return value;
}

function defined<T>(value: T | undefined, { program }: State, what: string): T {
  if (value === undefined) throw new RangeError(`Program "${program.name}" has no ${what}`);
  return value;
}
