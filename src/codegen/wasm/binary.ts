/**
 * The WebAssembly binary format, as far as vector programs need it: a module of functions over one
 * imported shared memory.
 *
 * Sources: WebAssembly core specification, section 5 (binary format), and the threads and
 * relaxed-SIMD proposals. A general assembler was measured to spend 2 to 4 microseconds a byte, a
 * tenth of a second for a larger layer; these few forms take a hundredth of that.
 *
 * @module
 */

/** Bytes that grow. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Appends one byte. */
  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** Appends bytes as they are. */
  bytes(values: ArrayLike<number>): void {
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Appends an unsigned LEB128 number below 2 ** 32. */
  unsigned(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte(rest % 0x80 + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** Appends a signed LEB128 number of 32 bits. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Appends a length and so many bytes. */
  sized(content: ByteWriter): void {
    this.unsigned(content.length);
    this.bytes(content.view());
  }

  /** Appends a name. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.unsigned(encoded.length);
    this.bytes(encoded);
  }

  /** The bytes so far, until more are written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + atLeast));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Value types. */
export const TYPE = { i32: 0x7f, v128: 0x7b } as const;

const SIMD = 0xfd;

/** Instructions by their names in the specification; more than one byte where prefixed. */
export const OP = {
  loop: [0x03, 0x40],
  end: [0x0b],
  brIf: [0x0d],
  localGet: [0x20],
  localSet: [0x21],
  localTee: [0x22],
  i32Const: [0x41],
  i32Add: [0x6a],
  v128Load: [SIMD, 0x00],
  v128Load32Splat: [SIMD, 0x09],
  v128Store: [SIMD, 0x0b],
  v128Const: [SIMD, 0x0c],
  i8x16Shuffle: [SIMD, 0x0d],
  f32x4Le: [SIMD, 0x45],
  v128Bitselect: [SIMD, 0x52],
  v128Load32Lane: [SIMD, 0x56],
  v128Store32Lane: [SIMD, 0x5a],
  v128Store64Lane: [SIMD, 0x5b],
  v128Load32Zero: [SIMD, 0x5c],
  v128Load64Zero: [SIMD, 0x5d],
  f32x4DemoteF64x2Zero: [SIMD, 0x5e],
  f64x2PromoteLowF32x4: [SIMD, 0x5f],
  i32x4Shl: [SIMD, 0xab, 0x01],
  f32x4Sqrt: [SIMD, 0xe3, 0x01],
  f32x4Add: [SIMD, 0xe4, 0x01],
  f32x4Sub: [SIMD, 0xe5, 0x01],
  f32x4Mul: [SIMD, 0xe6, 0x01],
  f32x4Div: [SIMD, 0xe7, 0x01],
  f32x4Min: [SIMD, 0xe8, 0x01],
  f32x4Max: [SIMD, 0xe9, 0x01],
  f64x2Add: [SIMD, 0xf0, 0x01],
  f64x2Mul: [SIMD, 0xf2, 0x01],
  f32x4RelaxedMadd: [SIMD, 0x85, 0x02],
} as const;

/** A function: parameters are `i32`, there are no results. */
export interface WasmFunction {
  readonly parameters: number;
  /** Locals beyond the parameters: the `i32` come first. */
  readonly i32Locals: number;
  readonly v128Locals: number;
  /** Instructions, without the final `end`. */
  readonly body: ByteWriter;
}

/** Module and name of the imported memory. */
export const MEMORY_IMPORT = ["", "m0"] as const;

const FUNCTION_TYPE = 0x60;
const MEMORY_KIND = 0x02;
const FUNCTION_KIND = 0x00;
/** Limits with a maximum, of a shared memory. */
const SHARED_LIMITS = 0x03;
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/**
 * A module that imports a shared memory of exactly `pages` pages and exports functions by their index.
 */
export function wasmModule(
  functions: readonly WasmFunction[],
  pages: number,
): Uint8Array<ArrayBuffer> {
  const module = new ByteWriter();
  module.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  const arities = [...new Set(functions.map(({ parameters }) => parameters))];
  section(module, SECTION.type, arities, (out, parameters) => {
    out.byte(FUNCTION_TYPE);
    out.unsigned(parameters);
    for (let i = 0; i < parameters; i++) out.byte(TYPE.i32);
    out.unsigned(0);
  });
  section(module, SECTION.import, [MEMORY_IMPORT], (out, [from, name]) => {
    out.name(from);
    out.name(name);
    out.bytes([MEMORY_KIND, SHARED_LIMITS]);
    out.unsigned(pages);
    out.unsigned(pages);
  });
  section(module, SECTION.function, functions, (out, { parameters }) => {
    out.unsigned(arities.indexOf(parameters));
  });
  section(module, SECTION.export, functions, (out, _, index) => {
    out.name(String(index));
    out.byte(FUNCTION_KIND);
    out.unsigned(index);
  });
  section(module, SECTION.code, functions, (out, { i32Locals, v128Locals, body }) => {
    const code = new ByteWriter();
    const groups = [[i32Locals, TYPE.i32], [v128Locals, TYPE.v128]] as const;
    code.unsigned(groups.length);
    for (const [count, type] of groups) {
      code.unsigned(count);
      code.byte(type);
    }
    code.bytes(body.view());
    code.bytes(OP.end);
    out.sized(code);
  });
  return module.finish();
}

function section<T>(
  module: ByteWriter,
  id: number,
  items: readonly T[],
  write: (out: ByteWriter, item: T, index: number) => void,
): void {
  const content = new ByteWriter();
  content.unsigned(items.length);
  items.forEach((item, index) => write(content, item, index));
  module.byte(id);
  module.sized(content);
}
