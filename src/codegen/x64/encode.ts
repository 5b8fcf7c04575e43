/**
 * Vector programs as x86-64 machine code.
 *
 * The code of a program is a function `int (const void *key, const void *base)` of the System V
 * calling convention, as `bsearch` of the C library calls one: `key` does not matter, `base` is where
 * the program's arguments lie, an address of 64 bits each. The function returns 0.
 *
 * @module
 */

import { allocatePointers, allocateVectors, type PointerPlaces } from "./allocate.ts";
import { type Folded, foldLoads } from "./memory_operands.ts";
import { type FromMemory, linearise, type Plain, type Step } from "./linear.ts";
import { finish, type Steps } from "../../base/steps.ts";
import { FLOAT_BYTES, type Program } from "../program.ts";
import type { Target } from "../target.ts";
import { Avx2Code } from "./avx2.ts";
import { Avx512Code } from "./avx512.ts";
import {
  GPR,
  type Memory,
  memoryAt,
  OP,
  type VectorInstruction,
  X64Assembler,
  XMM,
} from "./assembler.ts";
import type { VectorCode } from "./vector_code.ts";

/** Machine code of some programs. */
export interface X64Code {
  /** The same wherever it lies. */
  readonly code: Uint8Array<ArrayBuffer>;
  /** For each program, where its function begins, in bytes from the start of the code. */
  readonly entries: number[];
}

/** A function begins with a line of the instruction cache. */
const ENTRY_ALIGNMENT = 64;

/** An innermost loop begins with a block that the processor fetches or caches decoded. */
const LOOP_ALIGNMENT = 32;

/**
 * Encodes programs as machine code.
 *
 * @param programs What to encode, for the target's number of lanes.
 * @param target What to encode it for: AVX2 or AVX-512.
 * @throws {RangeError} If a program has other than the target's number of lanes, or uses more vector
 * registers at a time than there are, or if the target is another.
 */
export function encodeX64(
  programs: readonly Program[],
  target: Target,
): X64Code {
  return finish(encodingX64(programs, target));
}

/** {@linkcode encodeX64} step by step: a large program takes some milliseconds, ten times that in cold code. */
export function* encodingX64(programs: readonly Program[], target: Target): Steps<X64Code> {
  const code = new X64Assembler();
  const entries: number[] = [];
  for (const program of programs) {
    code.align(ENTRY_ALIGNMENT);
    entries.push(code.length);
    yield* encodingProgram(code, program, target);
    yield;
  }
  return { code: code.finish(), entries };
}

/** Callee-saved registers of the System V calling convention. */
const SAVED: readonly number[] = [GPR.rbx, GPR.rbp, GPR.r12, GPR.r13, GPR.r14, GPR.r15];

/** Where the arguments come in. */
const ARGUMENTS = GPR.rsi;

/** Never holds a pointer: for what is needed at once. */
const SCRATCH = GPR.rax;

/** Brings pointers from the stack where there is one that lies there. */
const FROM_STACK = GPR.rcx;

/** Registers for pointers and counters, those first that need not be saved. */
const POINTERS: readonly number[] = [
  GPR.rdx,
  GPR.rdi,
  GPR.r8,
  GPR.r9,
  GPR.r10,
  GPR.r11,
  ARGUMENTS,
  ...SAVED,
];

function* encodingProgram(code: X64Assembler, program: Program, target: Target): Steps<void> {
  if (program.lanes !== target.lanes) {
    throw new RangeError(
      `Program "${program.name}" is for ${program.lanes} lanes, not ${target.lanes}`,
    );
  }
  const vectors = vectorCode(code, target);
  const linear = foldLoads(linearise(program), vectors);
  yield;
  const { registers, temporaries, zeroed } = allocateVectors(
    linear,
    (step) => vectors.needs(step),
    target.registers,
  );
  yield;
  const { pointers, places } = choosePointers(linear);
  yield;
  new Emitter(code, vectors, linear, {
    vector: (register) => registers[register] ?? 0,
    temporaries: (step) => temporaries.get(step) ?? NO_TEMPORARIES,
    zeroed,
    pointers,
    places,
  }).program();
}

function vectorCode(code: X64Assembler, { name }: Target): VectorCode {
  switch (name) {
    case "avx2":
      return new Avx2Code(code);
    case "avx512":
      return new Avx512Code(code);
    case "wasm":
      throw new RangeError(`Target "${name}" is not of x86-64`);
  }
}

/** All the registers if they suffice; one less, for those that lie on the stack, if they do not. */
function choosePointers(linear: Folded): Pick<Allocation, "pointers" | "places"> {
  const all = [FROM_STACK, ...POINTERS];
  const places = allocatePointers(linear, all.length);
  if (places.slots === 0) return { pointers: all, places };
  return { pointers: POINTERS, places: allocatePointers(linear, POINTERS.length) };
}

const NO_TEMPORARIES: readonly number[] = [];

/** What is where. */
interface Allocation {
  readonly vector: (register: number) => number;
  /** The temporaries of a step. */
  readonly temporaries: (step: number) => readonly number[];
  /** Virtual registers that are 0 to begin with. */
  readonly zeroed: readonly number[];
  /** The general registers that {@linkcode PointerPlaces} counts. */
  readonly pointers: readonly number[];
  readonly places: PointerPlaces;
}

/** A slot of the stack holds a pointer. */
const SLOT_BYTES = 8;

/** Writes one program. */
class Emitter {
  readonly #code: X64Assembler;
  readonly #vectors: VectorCode;
  readonly #linear: Folded;
  readonly #at: Allocation;
  /** How far each pointer has yet to move. */
  readonly #pending = new Map<number, number>();
  /** For each loop, where its body begins. */
  readonly #heads: number[] = [];
  readonly #saved: readonly number[];

  constructor(code: X64Assembler, vectors: VectorCode, linear: Folded, allocation: Allocation) {
    this.#code = code;
    this.#vectors = vectors;
    this.#linear = linear;
    this.#at = allocation;
    const { places, pointers } = allocation;
    const used = new Set<number>();
    places.places.forEach((place) => used.add(pointers[place] ?? SCRATCH));
    this.#saved = SAVED.filter((register) => used.has(register));
  }

  program(): void {
    this.#begin();
    this.#linear.steps.forEach((step, index) => {
      if (step !== null) this.#step(step, index);
    });
    this.#end();
  }

  #begin(): void {
    const code = this.#code;
    for (const register of this.#saved) code.push(register);
    const { slots } = this.#at.places;
    if (slots > 0) code.subImmediate(GPR.rsp, slots * SLOT_BYTES);
    this.#parameters();
    this.#vectors.begin();
    for (const register of this.#at.zeroed) this.#zero(this.#at.vector(register));
  }

  #end(): void {
    const code = this.#code;
    // The caller's code may be of SSE, which waits for what the upper halves hold.
    code.vzeroupper();
    const { slots } = this.#at.places;
    if (slots > 0) code.addImmediate(GPR.rsp, slots * SLOT_BYTES);
    for (const register of this.#saved.toReversed()) code.pop(register);
    code.xor32(GPR.rax);
    code.ret();
  }

  /** Loads the arguments. */
  #parameters(): void {
    const code = this.#code;
    const { parameters } = this.#linear.program;
    const used = Array.from({ length: parameters }, (_, i) => i)
      .filter((pointer) => this.#at.places.isUsed(pointer))
      .map((pointer) => ({ pointer, place: this.#place(pointer) }));
    const from = (pointer: number) =>
      memoryAt(ARGUMENTS, pointer * BigUint64Array.BYTES_PER_ELEMENT);
    // The register of the arguments may be one of their own: it is overwritten last.
    const isArguments = ({ place }: { place: number | Memory }) => place === ARGUMENTS;
    for (const { pointer, place } of [...used].sort((a, b) => +isArguments(a) - +isArguments(b))) {
      if (typeof place === "number") code.movLoad(place, from(pointer));
      else {
        code.movLoad(SCRATCH, from(pointer));
        code.movStore(place, SCRATCH);
      }
    }
  }

  #step(step: Step, index: number): void {
    switch (step.op) {
      case "fmaMemory":
      case "addMemory":
      case "subMemory":
      case "mulMemory":
        return this.#fromMemory(step);
      case "begin":
        return this.#beginLoop(step.loop, index);
      case "end":
        return this.#endLoop(step.loop, index);
      case "advance":
        this.#pending.set(step.ptr, step.bytes + (this.#pending.get(step.ptr) ?? 0));
        return;
      case "point":
        return this.#point(step.dst, step.src, step.bytes);
      default:
        return this.#plain(step, this.#at.temporaries(index));
    }
  }

  #plain(
    step: Exclude<Plain, { readonly op: "advance" | "point" }>,
    temporaries: readonly number[],
  ): void {
    const vectors = this.#vectors;
    const { vector } = this.#at;
    switch (step.op) {
      case "fma":
        return this.#vector(OP.vfmadd231ps, vector(step.acc), vector(step.a), vector(step.b));
      case "zero":
        return this.#zero(vector(step.dst));
      case "constant":
        return this.#constant(vector(step.dst), step.value);
      case "load":
        return vectors.load(vector(step.dst), this.#address(step.ptr, step.offset), step.lanes);
      case "store":
        return vectors.store(
          vector(step.src),
          this.#address(step.ptr, step.offset),
          step.lanes,
          temporaries,
        );
      case "gather":
        return vectors.gather(
          vector(step.dst),
          this.#address(step.ptr, 0),
          step.offsets,
          temporaries,
        );
      case "scatter":
        return vectors.scatter(
          vector(step.src),
          this.#address(step.ptr, 0),
          step.offsets,
          temporaries,
        );
      case "prefetch":
        return this.#code.prefetch(this.#address(step.ptr, step.offset));
      case "broadcast":
        return this.#vector(
          OP.vbroadcastss,
          vector(step.dst),
          0,
          this.#address(step.ptr, step.offset),
        );
      case "lane":
        return vectors.lane(vector(step.dst), vector(step.src), step.lane, temporaries);
      case "shuffle":
        return vectors.shuffle(
          vector(step.dst),
          vector(step.a),
          vector(step.b),
          step.lanes,
          temporaries,
        );
      case "select":
        return vectors.select(
          vector(step.dst),
          vector(step.a),
          vector(step.b),
          vector(step.c),
          temporaries,
        );
      case "copy":
        if (vector(step.dst) === vector(step.src)) return;
        return this.#vector(OP.vmovaps, vector(step.dst), 0, vector(step.src));
      case "add":
        return this.#vector(OP.vaddps, vector(step.dst), vector(step.a), vector(step.b));
      case "sub":
        return this.#vector(OP.vsubps, vector(step.dst), vector(step.a), vector(step.b));
      case "mul":
        return this.#vector(OP.vmulps, vector(step.dst), vector(step.a), vector(step.b));
      case "div":
        return this.#vector(OP.vdivps, vector(step.dst), vector(step.a), vector(step.b));
      case "sqrt":
        return this.#vector(OP.vsqrtps, vector(step.dst), 0, vector(step.src));
      case "shift":
        return this.#shift(vector(step.dst), vector(step.src), step.bits);
      // These two return the second source where either is NaN, or both are zeros.
      case "pmax":
        return this.#vector(OP.vmaxps, vector(step.dst), vector(step.b), vector(step.a));
      case "pmin":
        return this.#vector(OP.vminps, vector(step.dst), vector(step.b), vector(step.a));
      case "max":
        return this.#max(vector(step.dst), vector(step.a), vector(step.b), temporaries);
      case "min":
        return this.#min(vector(step.dst), vector(step.a), vector(step.b), temporaries);
    }
  }

  #fromMemory({ op, dst, a, ptr, offset, broadcast }: FromMemory): void {
    const { vector } = this.#at;
    this.#code.vector(
      ARITHMETIC[op],
      this.#vectors.width,
      vector(dst),
      vector(a),
      this.#address(ptr, offset),
      undefined,
      broadcast ? { broadcast } : undefined,
    );
  }

  #vector(op: VectorInstruction, dst: number, a: number, b: number | Memory): void {
    this.#code.vector(op, this.#vectors.width, dst, a, b);
  }

  /** What writes 128 bits clears those above. */
  #zero(dst: number): void {
    this.#code.vector(OP.vxorps, XMM, dst, dst, dst);
  }

  #constant(dst: number, value: number): void {
    if (Object.is(value, 0)) return this.#zero(dst);
    const [bits = 0] = new Int32Array(Float32Array.of(value).buffer);
    this.#vector(OP.vbroadcastss, dst, 0, this.#code.words([bits]));
  }

  /**
   * `vmaxps` returns its second source where either is not a number, and where both are zeros. Where the
   * two orders differ for one of these reasons, the bits of both make a NaN or -0 of the result, and
   * taking away the difference makes +0 of -0.
   */
  #max(dst: number, a: number, b: number, [other = 0]: readonly number[]): void {
    this.#vector(OP.vmaxps, other, a, b);
    this.#vector(OP.vmaxps, dst, b, a);
    this.#vector(OP.vxorps, dst, dst, other);
    this.#vector(OP.vorps, other, other, dst);
    this.#vector(OP.vsubps, dst, other, dst);
  }

  /** As {@linkcode Emitter.#max}, except that of two zeros -0 is right. */
  #min(dst: number, a: number, b: number, [other = 0]: readonly number[]): void {
    this.#vector(OP.vminps, other, a, b);
    this.#vector(OP.vminps, dst, b, a);
    this.#vector(OP.vorps, dst, dst, other);
  }

  #shift(dst: number, src: number, bits: number): void {
    const { width, broadcasts } = this.#vectors;
    const counts = broadcasts ? [bits] : new Array<number>(width / FLOAT_BYTES).fill(bits);
    const place = this.#code.words(counts);
    const masking = broadcasts ? { broadcast: true } as const : undefined;
    this.#code.vector(OP.vpsllvd, width, dst, src, place, undefined, masking);
  }

  /** A place in memory. A pointer on the stack is brought into a register for this one use. */
  #address(pointer: number, offset: number): Memory {
    if (this.#pending.size > 0) this.#move(pointer);
    return memoryAt(this.#base(pointer), offset);
  }

  /** A register that holds a pointer for now. */
  #base(pointer: number): number {
    const place = this.#place(pointer);
    if (typeof place === "number") return place;
    this.#code.movLoad(FROM_STACK, place);
    return FROM_STACK;
  }

  /** The general register, or the place on the stack, of a pointer or a counter. */
  #place(pointer: number): number | Memory {
    const { places, pointers } = this.#at;
    const place = places.places[pointer] ?? 0;
    if (place >= 0) return pointers[place] ?? SCRATCH;
    return memoryAt(GPR.rsp, (-1 - place) * SLOT_BYTES);
  }

  /** Moves a pointer as far as it has yet to. */
  #move(pointer: number): void {
    const bytes = this.#pending.get(pointer) ?? 0;
    this.#pending.delete(pointer);
    if (bytes === 0) return;
    this.#advance(this.#place(pointer), bytes);
  }

  /** Moves the pointers that are still used after a step; the others' registers may be another's. */
  #moveAll(step: number): void {
    for (const pointer of [...this.#pending.keys()]) {
      if (this.#at.places.isUsedAfter(pointer, step)) this.#move(pointer);
      else this.#pending.delete(pointer);
    }
  }

  #advance(place: number | Memory, bytes: number): void {
    if (bytes === (bytes | 0)) return this.#code.addImmediate(place, bytes);
    this.#code.mov64(SCRATCH, BigInt(bytes));
    this.#code.add(place, SCRATCH);
  }

  #point(dst: number, src: number, bytes: number): void {
    const code = this.#code;
    const all = bytes + (this.#pending.get(src) ?? 0);
    const to = this.#place(dst);
    // A source that is the result moves no further.
    this.#pending.delete(dst);
    const base = this.#base(src);
    const register = typeof to === "number" ? to : FROM_STACK;
    const short = all === (all | 0);
    if (short && all !== 0) code.lea(register, memoryAt(base, all));
    else if (register !== base) code.mov(register, base);
    if (!short) this.#advance(register, all);
    if (typeof to !== "number") code.movStore(to, register);
  }

  #beginLoop(loop: number, step: number): void {
    this.#moveAll(step);
    const { count, innermost } = this.#linear.loops[loop] ?? NO_LOOP;
    const counter = this.#counter(loop);
    if (typeof counter === "number") this.#code.mov32(counter, count);
    else this.#code.movStoreImmediate32(counter, count);
    if (innermost) this.#code.alignLoop(LOOP_ALIGNMENT);
    this.#heads[loop] = this.#code.length;
  }

  #endLoop(loop: number, step: number): void {
    this.#moveAll(step);
    this.#code.subImmediate32(this.#counter(loop), 1);
    this.#code.jnz(this.#heads[loop] ?? 0);
  }

  #counter(loop: number): number | Memory {
    return this.#place(this.#linear.program.pointers + loop);
  }
}

const NO_LOOP = { count: 1, innermost: false };

const ARITHMETIC = {
  fmaMemory: OP.vfmadd231ps,
  addMemory: OP.vaddps,
  subMemory: OP.vsubps,
  mulMemory: OP.vmulps,
} as const;
