/**
 * Vector programs as WebAssembly SIMD.
 *
 * @module
 */

import { finish, type Steps } from "../../base/steps.ts";
import { FLOAT_BYTES, type Instruction, type Program, type Register } from "../program.ts";
import type { Target } from "../target.ts";
import { ByteWriter, MEMORY_IMPORT, OP, type WasmFunction, wasmModule } from "./binary.ts";

/** The import under which a generated module expects the shared memory. */
export function memoryImport(memory: WebAssembly.Memory): WebAssembly.Imports {
  const [module, name] = MEMORY_IMPORT;
  return { [module]: { [name]: memory } };
}

/**
 * Encodes programs as one WebAssembly module that exports them as functions named by their index.
 *
 * The imported memory's minimum equals its maximum: V8 then checks an address against a constant.
 *
 * @param programs What to encode; every program has 4 lanes.
 * @param pages Size of the shared memory in pages of 64 KiB.
 * @param target Whether multiply-adds are one instruction.
 * @returns The module's bytes.
 * @throws {RangeError} If a program has other than 4 lanes, or an offset is negative.
 */
export function encodeWasm(
  programs: readonly Program[],
  pages: number,
  target: Target,
): Uint8Array<ArrayBuffer> {
  return finish(encodingWasm(programs, pages, target));
}

/** {@linkcode encodeWasm} step by step. */
export function* encodingWasm(
  programs: readonly Program[],
  pages: number,
  target: Target,
): Steps<Uint8Array<ArrayBuffer>> {
  const functions: WasmFunction[] = [];
  for (const program of programs) {
    functions.push(encodeProgram(program, target));
    yield;
  }
  return wasmModule(functions, pages);
}

const LANES = 4;

/** Of a vector, twice. */
const UPPER_LANES_FIRST = [2, 3, 0, 1];

/** Of two vectors. */
const LOWER_LANES_OF_BOTH = [0, 1, 4, 5];

type MultiplyAdd = Extract<Instruction, { readonly op: "fma" }>;

function encodeProgram(program: Program, target: Target): WasmFunction {
  if (program.lanes !== LANES) {
    throw new RangeError(`Program "${program.name}" is for ${program.lanes} lanes, not 4`);
  }
  const counters = loopDepth(program.body);
  const emitter = new Emitter(target, program.pointers, program.pointers + counters);
  emitter.block(program.body, 0);
  return {
    parameters: program.parameters,
    i32Locals: program.pointers - program.parameters + counters,
    v128Locals: program.registers,
    body: emitter.out,
  };
}

function loopDepth(block: readonly Instruction[]): number {
  return block.reduce(
    (depth, instruction) =>
      instruction.op === "loop" ? Math.max(depth, 1 + loopDepth(instruction.body)) : depth,
    0,
  );
}

/** Writes instructions. Locals are the pointers, then a counter for each loop depth, then registers. */
class Emitter {
  readonly out: ByteWriter = new ByteWriter();
  readonly #target: Target;
  readonly #firstCounter: number;
  readonly #firstRegister: number;

  constructor(target: Target, firstCounter: number, firstRegister: number) {
    this.#target = target;
    this.#firstCounter = firstCounter;
    this.#firstRegister = firstRegister;
  }

  block(instructions: readonly Instruction[], depth: number): void {
    for (const instruction of instructions) this.#instruction(instruction, depth);
  }

  #instruction(instruction: Instruction, depth: number): void {
    switch (instruction.op) {
      case "zero":
        return this.#constant(instruction.dst, 0);
      case "load":
        return this.#load(instruction.dst, instruction.ptr, instruction.offset, instruction.lanes);
      case "store":
        return this.#store(instruction.src, instruction.ptr, instruction.offset, instruction.lanes);
      case "gather":
        instruction.offsets.forEach((offset, lane) => {
          this.#getPointer(instruction.ptr);
          if (lane === 0) this.#memory(OP.v128Load32Zero, offset);
          else {
            this.#getRegister(instruction.dst);
            this.#memory(OP.v128Load32Lane, offset, lane);
          }
          this.#setRegister(instruction.dst);
        });
        return;
      case "scatter":
        instruction.offsets.forEach((offset, lane) => {
          this.#storeLanes(OP.v128Store32Lane, instruction.src, instruction.ptr, offset, lane);
        });
        return;
      case "broadcast":
        this.#getPointer(instruction.ptr);
        this.#memory(OP.v128Load32Splat, instruction.offset);
        return this.#setRegister(instruction.dst);
      case "lane":
        return this.#shuffle(
          instruction.dst,
          instruction.src,
          instruction.src,
          new Array<number>(LANES).fill(instruction.lane),
        );
      case "fma":
        if (this.#target.fusesMultiplyAdd) return this.#fusedMultiplyAdd(instruction);
        if (instruction.once) return this.#wideMultiplyAdd(instruction);
        return this.#multiplyAdd(instruction);
      case "constant":
        return this.#constant(instruction.dst, instruction.value);
      case "add":
        return this.#binary(OP.f32x4Add, instruction);
      case "sub":
        return this.#binary(OP.f32x4Sub, instruction);
      case "mul":
        return this.#binary(OP.f32x4Mul, instruction);
      case "div":
        return this.#binary(OP.f32x4Div, instruction);
      case "sqrt":
        this.#getRegister(instruction.src);
        this.out.bytes(OP.f32x4Sqrt);
        return this.#setRegister(instruction.dst);
      case "shift":
        this.#getRegister(instruction.src);
        this.out.bytes(OP.i32Const);
        this.out.signed(instruction.bits);
        this.out.bytes(OP.i32x4Shl);
        return this.#setRegister(instruction.dst);
      case "max":
        return this.#binary(OP.f32x4Max, instruction);
      case "min":
        return this.#binary(OP.f32x4Min, instruction);
      case "select":
        return this.#select(instruction);
      case "shuffle":
        return this.#shuffle(instruction.dst, instruction.a, instruction.b, instruction.lanes);
      case "copy":
        this.#getRegister(instruction.src);
        return this.#setRegister(instruction.dst);
      case "advance":
        return this.#point(instruction.ptr, instruction.ptr, instruction.bytes);
      case "point":
        return this.#point(instruction.dst, instruction.src, instruction.bytes);
      case "loop":
        return this.#loop(instruction.count, instruction.body, depth);
    }
  }

  #constant(dst: number, value: number): void {
    this.#pushConstant(value);
    this.#setRegister(dst);
  }

  #pushConstant(value: number): void {
    this.out.bytes(OP.v128Const);
    const bytes = new Uint8Array(FLOAT_BYTES);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    for (let lane = 0; lane < LANES; lane++) this.out.bytes(bytes);
  }

  #binary(op: readonly number[], { dst, a, b }: { dst: number; a: number; b: number }): void {
    this.#getRegister(a);
    this.#getRegister(b);
    this.out.bytes(op);
    this.#setRegister(dst);
  }

  #fusedMultiplyAdd({ acc, a, b }: MultiplyAdd): void {
    this.#getRegister(a);
    this.#getRegister(b);
    this.#getRegister(acc);
    this.out.bytes(OP.f32x4RelaxedMadd);
    this.#setRegister(acc);
  }

  #multiplyAdd({ acc, a, b }: MultiplyAdd): void {
    this.#getRegister(a);
    this.#getRegister(b);
    this.out.bytes(OP.f32x4Mul);
    this.#getRegister(acc);
    this.out.bytes(OP.f32x4Add);
    this.#setRegister(acc);
  }

  /** In float64, where the product is exact, half a vector at a time. */
  #wideMultiplyAdd({ acc, a, b }: MultiplyAdd): void {
    const half = (push: (register: Register) => void) => {
      const pushAsFloat64 = (register: Register) => {
        push(register);
        this.out.bytes(OP.f64x2PromoteLowF32x4);
      };
      pushAsFloat64(a);
      pushAsFloat64(b);
      this.out.bytes(OP.f64x2Mul);
      pushAsFloat64(acc);
      this.out.bytes(OP.f64x2Add);
      this.out.bytes(OP.f32x4DemoteF64x2Zero);
    };
    half((register) => this.#getRegister(register));
    half((register) => {
      this.#getRegister(register);
      this.#getRegister(register);
      this.#shuffleStack(UPPER_LANES_FIRST);
    });
    this.#shuffleStack(LOWER_LANES_OF_BOTH);
    this.#setRegister(acc);
  }

  #select({ dst, a, b, c }: { dst: number; a: number; b: number; c: number }): void {
    this.#getRegister(c);
    this.#getRegister(b);
    this.#getRegister(a);
    this.#pushConstant(0);
    this.out.bytes(OP.f32x4Le);
    this.out.bytes(OP.v128Bitselect);
    this.#setRegister(dst);
  }

  #shuffle(dst: number, a: number, b: number, lanes: readonly number[]): void {
    this.#getRegister(a);
    this.#getRegister(b);
    this.#shuffleStack(lanes);
    this.#setRegister(dst);
  }

  /** A shuffle of the two vectors that are on top of the stack. */
  #shuffleStack(lanes: readonly number[]): void {
    this.out.bytes(OP.i8x16Shuffle);
    for (const lane of lanes) {
      for (let byte = 0; byte < FLOAT_BYTES; byte++) this.out.byte(lane * FLOAT_BYTES + byte);
    }
  }

  #load(dst: number, ptr: number, offset: number, lanes: number): void {
    this.#getPointer(ptr);
    if (lanes === LANES) this.#memory(OP.v128Load, offset);
    else if (lanes === 1) this.#memory(OP.v128Load32Zero, offset);
    else this.#memory(OP.v128Load64Zero, offset);
    this.#setRegister(dst);
    if (lanes !== 3) return;
    this.#getPointer(ptr);
    this.#getRegister(dst);
    this.#memory(OP.v128Load32Lane, offset + 2 * FLOAT_BYTES, 2);
    this.#setRegister(dst);
  }

  #store(src: number, ptr: number, offset: number, lanes: number): void {
    if (lanes === LANES) return this.#storeLanes(OP.v128Store, src, ptr, offset);
    if (lanes >= 2) this.#storeLanes(OP.v128Store64Lane, src, ptr, offset, 0);
    if (lanes === 2) return;
    const last = lanes - 1;
    this.#storeLanes(OP.v128Store32Lane, src, ptr, offset + last * FLOAT_BYTES, last);
  }

  #storeLanes(
    op: readonly number[],
    src: number,
    ptr: number,
    offset: number,
    lane?: number,
  ): void {
    this.#getPointer(ptr);
    this.#getRegister(src);
    this.#memory(op, offset, lane);
  }

  /** A memory instruction; addresses are multiples of an element (2 ** 2), not of a vector. */
  #memory(op: readonly number[], offset: number, lane?: number): void {
    if (offset < 0) throw new RangeError(`Offset ${offset} of a memory access is negative`);
    this.out.bytes(op);
    this.out.unsigned(2);
    this.out.unsigned(offset);
    if (lane !== undefined) this.out.byte(lane);
  }

  #point(dst: number, src: number, bytes: number): void {
    this.#getPointer(src);
    if (bytes !== 0) {
      this.out.bytes(OP.i32Const);
      this.out.signed(bytes);
      this.out.bytes(OP.i32Add);
    }
    this.#setPointer(dst);
  }

  #loop(count: number, body: readonly Instruction[], depth: number): void {
    const counter = this.#firstCounter + depth;
    this.out.bytes(OP.i32Const);
    this.out.signed(count);
    this.#setPointer(counter);
    this.out.bytes(OP.loop);
    this.block(body, depth + 1);
    this.#getPointer(counter);
    this.out.bytes(OP.i32Const);
    this.out.signed(-1);
    this.out.bytes(OP.i32Add);
    this.out.bytes(OP.localTee);
    this.out.unsigned(counter);
    this.out.bytes(OP.brIf);
    this.out.unsigned(0);
    this.out.bytes(OP.end);
  }

  #getPointer(index: number): void {
    this.out.bytes(OP.localGet);
    this.out.unsigned(index);
  }

  #setPointer(index: number): void {
    this.out.bytes(OP.localSet);
    this.out.unsigned(index);
  }

  #getRegister(index: number): void {
    this.#getPointer(this.#firstRegister + index);
  }

  #setRegister(index: number): void {
    this.#setPointer(this.#firstRegister + index);
  }
}
