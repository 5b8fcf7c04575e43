/**
 * Vector programs: what one tile of work does, in a small instruction set over virtual vector
 * registers and byte pointers. A program is plain data. {@linkcode ProgramBuilder} writes one,
 * `wasm/encode.ts` turns it into WebAssembly, `interpret.ts` runs it with every access checked.
 *
 * All elements are float32; offsets, steps and pointers are in bytes; a lane count left out means
 * every lane of the target.
 *
 * @module
 */

/** Index of a virtual vector register. */
export type Register = number;

/** Index of a pointer: the program's parameters come first, then its local pointers. */
export type Pointer = number;

/** One instruction of a vector program. */
export type Instruction =
  /** Every lane becomes 0. */
  | { readonly op: "zero"; readonly dst: Register }
  /** Consecutive lanes from memory; with fewer than all `lanes` the rest become 0. */
  | {
    readonly op: "load";
    readonly dst: Register;
    readonly ptr: Pointer;
    readonly offset: number;
    readonly lanes: number;
  }
  /** The first `lanes` lanes to consecutive memory. */
  | {
    readonly op: "store";
    readonly src: Register;
    readonly ptr: Pointer;
    readonly offset: number;
    readonly lanes: number;
  }
  /** Lane `i` from `ptr + offsets[i]`; lanes beyond the list become 0. */
  | {
    readonly op: "gather";
    readonly dst: Register;
    readonly ptr: Pointer;
    readonly offsets: readonly number[];
  }
  /** Lane `i` to `ptr + offsets[i]`. */
  | {
    readonly op: "scatter";
    readonly src: Register;
    readonly ptr: Pointer;
    readonly offsets: readonly number[];
  }
  /** One element of memory into every lane. */
  | {
    readonly op: "broadcast";
    readonly dst: Register;
    readonly ptr: Pointer;
    readonly offset: number;
  }
  /** One lane of `src` into every lane. */
  | { readonly op: "lane"; readonly dst: Register; readonly src: Register; readonly lane: number }
  /** `acc += a * b`, rounded once where the target fuses it, else after each of the two. */
  | {
    readonly op: "fma";
    readonly acc: Register;
    readonly a: Register;
    readonly b: Register;
    /** It is to be rounded once on every target, at whatever cost. */
    readonly once?: true;
  }
  /** Every lane becomes `value`, rounded to float32. */
  | { readonly op: "constant"; readonly dst: Register; readonly value: number }
  /** `dst = a + b`. */
  | { readonly op: "add"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** `dst = a - b`. */
  | { readonly op: "sub"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** `dst = a * b`. */
  | { readonly op: "mul"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** `dst = a / b`. */
  | { readonly op: "div"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** The square root of every lane. */
  | { readonly op: "sqrt"; readonly dst: Register; readonly src: Register }
  /** The bits of every lane, moved up by so many; zeros follow. */
  | { readonly op: "shift"; readonly dst: Register; readonly src: Register; readonly bits: number }
  /** `dst = max(a, b)`, NaN if either is. */
  | { readonly op: "max"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** `dst = min(a, b)`, NaN if either is. */
  | { readonly op: "min"; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** `dst = a <= 0 ? c : b`: a lane of `a` that is not a number takes that of `b`. */
  | {
    readonly op: "select";
    readonly dst: Register;
    readonly a: Register;
    readonly b: Register;
    readonly c: Register;
  }
  /** Lane `i` is lane `lanes[i]` of `a` followed by `b`. */
  | {
    readonly op: "shuffle";
    readonly dst: Register;
    readonly a: Register;
    readonly b: Register;
    readonly lanes: readonly number[];
  }
  /** `dst = src`. */
  | { readonly op: "copy"; readonly dst: Register; readonly src: Register }
  /** `ptr += bytes`. */
  | { readonly op: "advance"; readonly ptr: Pointer; readonly bytes: number }
  /** `dst = src + bytes`. */
  | {
    readonly op: "point";
    readonly dst: Pointer;
    readonly src: Pointer;
    readonly bytes: number;
  }
  /** The body, `count` times (`count >= 1`). */
  | { readonly op: "loop"; readonly count: number; readonly body: readonly Instruction[] };

/** What one tile does: a function of as many pointers as it has `parameters`. */
export interface Program {
  /** Says what the program is, register tile included, e.g. `direct 3oc x 16px`. */
  readonly name: string;
  /** Lanes per vector register, the target's. */
  readonly lanes: number;
  /** How many pointers it is called with. */
  readonly parameters: number;
  /** What those are called, for people. */
  readonly parameterNames?: readonly string[];
  /** Pointers in all: the parameters and the local ones. */
  readonly pointers: number;
  /** Virtual vector registers. */
  readonly registers: number;
  readonly body: readonly Instruction[];
}

/** Bytes of one element. */
export const FLOAT_BYTES = 4;

/** How far each of some pointers moves in one turn of a loop, in bytes. */
export type Steps = readonly (readonly [ptr: Pointer, bytes: number])[];

/** Blocks of as many items each, one after the other. */
export interface BlockRun {
  readonly size: number;
  readonly count: number;
}

/** Items cut into parts as even as can be: `full` parts of `size`, then the rest of the `parts`, each one smaller. */
export interface EvenParts {
  readonly size: number;
  readonly full: number;
  readonly parts: number;
}

/** Writes a {@linkcode Program}, one instruction a call. */
export class ProgramBuilder {
  readonly #name: string;
  readonly #lanes: number;
  readonly #parameters: number;
  readonly #parameterNames: readonly string[] | null;
  #pointers: number;
  #registers = 0;
  #block: Instruction[] = [];

  /**
   * @param name What the program is.
   * @param lanes Lanes per vector register, the target's.
   * @param parameters The names of its pointer parameters, or how many it has.
   */
  constructor(name: string, lanes: number, parameters: number | readonly string[]) {
    this.#name = name;
    this.#lanes = lanes;
    this.#parameters = typeof parameters === "number" ? parameters : parameters.length;
    this.#parameterNames = typeof parameters === "number" ? null : parameters;
    this.#pointers = this.#parameters;
  }

  /** Lanes per vector. */
  get lanes(): number {
    return this.#lanes;
  }

  /** A new register. */
  register(): Register {
    return this.#registers++;
  }

  /** `count` new registers. */
  registers(count: number): Register[] {
    return Array.from({ length: count }, () => this.register());
  }

  /** A new local pointer, `src + bytes` to begin with. */
  pointer(src: Pointer, bytes = 0): Pointer {
    const dst = this.#pointers++;
    this.point(dst, src, bytes);
    return dst;
  }

  zero(dst: Register): void {
    this.#emit({ op: "zero", dst });
  }

  load(dst: Register, ptr: Pointer, offset = 0, lanes: number = this.#lanes): void {
    this.#emit({ op: "load", dst, ptr, offset, lanes });
  }

  store(src: Register, ptr: Pointer, offset = 0, lanes: number = this.#lanes): void {
    this.#emit({ op: "store", src, ptr, offset, lanes });
  }

  gather(dst: Register, ptr: Pointer, offsets: readonly number[]): void {
    this.#emit({ op: "gather", dst, ptr, offsets });
  }

  scatter(src: Register, ptr: Pointer, offsets: readonly number[]): void {
    this.#emit({ op: "scatter", src, ptr, offsets });
  }

  broadcast(dst: Register, ptr: Pointer, offset = 0): void {
    this.#emit({ op: "broadcast", dst, ptr, offset });
  }

  lane(dst: Register, src: Register, lane: number): void {
    this.#emit({ op: "lane", dst, src, lane });
  }

  fma(acc: Register, a: Register, b: Register): void {
    this.#emit({ op: "fma", acc, a, b });
  }

  /** A multiply-add for what is computed from rounding errors: those of its product must not come in. */
  fmaOnce(acc: Register, a: Register, b: Register): void {
    this.#emit({ op: "fma", acc, a, b, once: true });
  }

  constant(dst: Register, value: number): void {
    this.#emit({ op: "constant", dst, value });
  }

  add(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "add", dst, a, b });
  }

  sub(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "sub", dst, a, b });
  }

  mul(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "mul", dst, a, b });
  }

  div(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "div", dst, a, b });
  }

  sqrt(dst: Register, src: Register): void {
    this.#emit({ op: "sqrt", dst, src });
  }

  shift(dst: Register, src: Register, bits: number): void {
    this.#emit({ op: "shift", dst, src, bits });
  }

  max(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "max", dst, a, b });
  }

  min(dst: Register, a: Register, b: Register): void {
    this.#emit({ op: "min", dst, a, b });
  }

  select(dst: Register, a: Register, b: Register, c: Register): void {
    this.#emit({ op: "select", dst, a, b, c });
  }

  shuffle(dst: Register, a: Register, b: Register, lanes: readonly number[]): void {
    this.#emit({ op: "shuffle", dst, a, b, lanes });
  }

  copy(dst: Register, src: Register): void {
    this.#emit({ op: "copy", dst, src });
  }

  advance(ptr: Pointer, bytes: number): void {
    if (bytes !== 0) this.#emit({ op: "advance", ptr, bytes });
  }

  point(dst: Pointer, src: Pointer, bytes = 0): void {
    this.#emit({ op: "point", dst, src, bytes });
  }

  /** The instructions that `body` writes, `count` times: none for 0, no loop for 1. */
  loop(count: number, body: () => void): void {
    if (count <= 0) return;
    if (count === 1) return body();
    const outer = this.#block;
    this.#block = [];
    body();
    const inner = this.#block;
    this.#block = outer;
    if (inner.length > 0) this.#emit({ op: "loop", count, body: inner });
  }

  /**
   * {@linkcode ProgramBuilder.loop} that leaves the pointers as it found them: each of `steps` moves
   * by its bytes after every turn and back again after the last.
   */
  sweep(count: number, steps: Steps, body: () => void): void {
    if (count === 1) return body();
    this.loop(count, () => {
      body();
      for (const [ptr, bytes] of steps) this.advance(ptr, bytes);
    });
    if (count > 1) { for (const [ptr, bytes] of steps) this.advance(ptr, -bytes * count); }
  }

  /**
   * What `body` writes for whole blocks of `count` items, and then for the rest if there is one; it is told how
   * many items it is for. The pointers are left as they were.
   *
   * @param steps How far they move from one item to the next.
   */
  blocks(count: number, block: number, steps: Steps, body: (items: number) => void): void {
    const whole = Math.floor(count / block);
    this.runs(
      [{ size: block, count: whole }, { size: count - whole * block, count: 1 }],
      steps,
      body,
    );
  }

  /** The same with items that are cut evenly. */
  evenBlocks({ size, full, parts }: EvenParts, steps: Steps, body: (items: number) => void): void {
    this.runs([{ size, count: full }, { size: size - 1, count: parts - full }], steps, body);
  }

  /** The same with blocks of any sizes. */
  runs(runs: readonly BlockRun[], steps: Steps, body: (items: number) => void): void {
    const [first, ...others] = runs.filter(({ size, count }) => size * count > 0);
    if (first === undefined) return;
    const { size, count } = first;
    const stepsOfBlock = steps.map(([ptr, bytes]) => [ptr, bytes * size] as const);
    this.sweep(count, stepsOfBlock, () => body(size));
    if (others.length === 0) return;
    this.displaced(stepsOfBlock, count, () => this.runs(others, steps, body));
  }

  /** The instructions that `body` writes, with each pointer moved by `count` of its steps meanwhile. */
  displaced(steps: Steps, count: number, body: () => void): void {
    for (const [ptr, bytes] of steps) this.advance(ptr, bytes * count);
    body();
    for (const [ptr, bytes] of steps) this.advance(ptr, -bytes * count);
  }

  /** The finished program. */
  build(): Program {
    return {
      name: this.#name,
      lanes: this.#lanes,
      parameters: this.#parameters,
      ...(this.#parameterNames === null ? {} : { parameterNames: this.#parameterNames }),
      pointers: this.#pointers,
      registers: this.#registers,
      body: this.#block,
    };
  }

  #emit(instruction: Instruction): void {
    this.#block.push(instruction);
  }
}
