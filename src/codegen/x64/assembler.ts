/**
 * x86-64 machine code, as far as vector programs need it.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, sections 2.1
 * (ModR/M and SIB), 2.3 (VEX) and 2.7 (EVEX), and the instructions' own pages.
 *
 * @module
 */

/** General registers by their numbers. */
export const GPR = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Bytes of the vector registers by the letter of their names. */
export const XMM = 16;
export const YMM = 32;
export const ZMM = 64;

/** Bytes of a vector register. */
export type Width = typeof XMM | typeof YMM | typeof ZMM;

/**
 * A place in memory: bytes from the value of a general register, or for each lane from the sum of that
 * and a lane of a vector register; or from the first of the constants behind the code. All have the same
 * properties: looking at objects of several kinds takes longer.
 */
export interface Memory {
  /** A general register, or {@linkcode CONSTANTS}. */
  readonly base: number;
  readonly offset: number;
  /** A vector register, or {@linkcode NO_INDEX}. */
  readonly index: number;
}

/** The base of what lies behind the code. */
const CONSTANTS = -1;

/** The index of one place for all lanes. */
const NO_INDEX = -1;

/** Bytes from the value of a general register. */
export function memoryAt(base: number, offset: number): Memory {
  return { base, offset, index: NO_INDEX };
}

/** For each lane, so many bytes further. */
export function eachLane({ base, offset }: Memory, index: number): Memory {
  return { base, offset, index };
}

/** What an EVEX instruction does beside its operation. */
export interface Masking {
  /** The opmask register that says which lanes are written; 0 stands for all. */
  readonly mask?: number;
  /** Other lanes become 0; they stay as they are otherwise. */
  readonly zeroing?: boolean;
  /** The operand in memory is one element, for every lane. */
  readonly broadcast?: boolean;
}

const NO_MASKING: Masking = {};

/** How a vector instruction is encoded. */
export interface VectorInstruction {
  /** Opcode map: 1 is `0F`, 2 is `0F38`, 3 is `0F3A`. */
  readonly map: number;
  /** Mandatory prefix: 0 is none, 1 is `66`, 2 is `F3`, 3 is `F2`. */
  readonly prefix: number;
  readonly opcode: number;
  /** The bit W of EVEX. */
  readonly evexW: number;
  /** The bit W of VEX. */
  readonly vexW: number;
  readonly encodings: "vex" | "evex" | "both";
  /** Bytes that its operand in memory has; 0 stands for those of a vector. */
  readonly memoryBytes: number;
}

const [NONE, P66, PF3, PF2] = [0, 1, 2, 3];
const [MAP_0F, MAP_0F38, MAP_0F3A] = [1, 2, 3];

function instruction(
  map: number,
  prefix: number,
  opcode: number,
  changes: Partial<VectorInstruction> = {},
): VectorInstruction {
  const usual = { evexW: 0, vexW: 0, encodings: "both", memoryBytes: 0 } as const;
  return { map, prefix, opcode, ...usual, ...changes };
}

/** Only in AVX and AVX2. */
const VEX = { encodings: "vex" } as const;
/** Only in AVX-512. */
const EVEX = { encodings: "evex" } as const;
const ONE_FLOAT = { memoryBytes: 4 } as const;

/** Vector instructions by their mnemonics; where one has several forms, the form is appended. */
export const OP = {
  vmovups: instruction(MAP_0F, NONE, 0x10),
  vmovupsStore: instruction(MAP_0F, NONE, 0x11),
  vmovaps: instruction(MAP_0F, NONE, 0x28),
  vmovss: instruction(MAP_0F, PF3, 0x10, ONE_FLOAT),
  vmovssStore: instruction(MAP_0F, PF3, 0x11, ONE_FLOAT),
  vmovsd: instruction(MAP_0F, PF2, 0x10, { evexW: 1, memoryBytes: 8 }),
  vmovsdStore: instruction(MAP_0F, PF2, 0x11, { evexW: 1, memoryBytes: 8 }),
  vmaskmovps: instruction(MAP_0F38, P66, 0x2c, VEX),
  vmaskmovpsStore: instruction(MAP_0F38, P66, 0x2e, VEX),
  vbroadcastss: instruction(MAP_0F38, P66, 0x18, ONE_FLOAT),
  vaddps: instruction(MAP_0F, NONE, 0x58),
  vsubps: instruction(MAP_0F, NONE, 0x5c),
  vmulps: instruction(MAP_0F, NONE, 0x59),
  vdivps: instruction(MAP_0F, NONE, 0x5e),
  vsqrtps: instruction(MAP_0F, NONE, 0x51),
  /** Every lane's bits moved up by as many as a lane of the second source says. */
  vpsllvd: instruction(MAP_0F38, P66, 0x47),
  vmaxps: instruction(MAP_0F, NONE, 0x5f),
  vminps: instruction(MAP_0F, NONE, 0x5d),
  vorps: instruction(MAP_0F, NONE, 0x56),
  vxorps: instruction(MAP_0F, NONE, 0x57),
  /** A mask vector of what a comparison says. */
  vcmpps: instruction(MAP_0F, NONE, 0xc2, VEX),
  /** The same in an opmask register. */
  vcmppsMask: instruction(MAP_0F, NONE, 0xc2, EVEX),
  /** Lanes of the second source where a mask vector is set: the upper half of the immediate names it. */
  vblendvps: instruction(MAP_0F3A, P66, 0x4a, VEX),
  /** The same where an opmask is. */
  vblendmps: instruction(MAP_0F38, P66, 0x65, EVEX),
  vfmadd231ps: instruction(MAP_0F38, P66, 0xb8),
  vunpcklps: instruction(MAP_0F, NONE, 0x14),
  vunpckhps: instruction(MAP_0F, NONE, 0x15),
  vshufps: instruction(MAP_0F, NONE, 0xc6),
  vpermps: instruction(MAP_0F38, P66, 0x16),
  vpermpd: instruction(MAP_0F3A, P66, 0x01, { evexW: 1, vexW: 1 }),
  vpermt2ps: instruction(MAP_0F38, P66, 0x7f, EVEX),
  vpermi2ps: instruction(MAP_0F38, P66, 0x77, EVEX),
  vshuff32x4: instruction(MAP_0F3A, P66, 0x23, EVEX),
  valignd: instruction(MAP_0F3A, P66, 0x03, EVEX),
  vperm2f128: instruction(MAP_0F3A, P66, 0x06, VEX),
  vblendps: instruction(MAP_0F3A, P66, 0x0c, VEX),
  vinsertps: instruction(MAP_0F3A, P66, 0x21, ONE_FLOAT),
  vextractps: instruction(MAP_0F3A, P66, 0x17, ONE_FLOAT),
  vinsertf128: instruction(MAP_0F3A, P66, 0x18, { ...VEX, memoryBytes: XMM }),
  vextractf128: instruction(MAP_0F3A, P66, 0x19, { ...VEX, memoryBytes: XMM }),
  vgatherdps: instruction(MAP_0F38, P66, 0x92, { ...EVEX, ...ONE_FLOAT }),
  vscatterdps: instruction(MAP_0F38, P66, 0xa2, { ...EVEX, ...ONE_FLOAT }),
} as const;

/** A displacement that is still to be written: constants lie where the code ends. */
interface Fixup {
  readonly at: number;
  /** What it counts from: the end of the instruction. */
  readonly end: number;
  /** Which constant, in bytes from the first. */
  readonly constant: number;
}

/** The longest instruction there can be. */
const MOST_INSTRUCTION_BYTES = 15;

/** Instructions that do nothing, by their length; volume 2, NOP, table 4-12. */
const NOPS: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Fills what is never run: it traps. */
const INT3 = 0xcc;

/** What the low three bits of a base register mean in ModR/M. */
const [SIB_FOLLOWS, NO_BASE] = [4, 5];

/** Writes machine code, one instruction a call; constants come behind it. */
export class X64Assembler {
  #bytes = new Uint8Array(4096);
  #length = 0;
  readonly #pool: number[] = [];
  readonly #poolPlaces = new Map<string, Memory>();
  readonly #fixups: Fixup[] = [];

  /** Bytes of code so far. */
  get length(): number {
    return this.#length;
  }

  /** The place of a vector of 32-bit integers among the constants. */
  words(values: readonly number[]): Memory {
    const key = values.join();
    const known = this.#poolPlaces.get(key);
    if (known !== undefined) return known;
    // A vector that does not straddle two cache lines is read in one go.
    while (this.#pool.length % values.length !== 0) this.#pool.push(0);
    const place = memoryAt(CONSTANTS, this.#pool.length * Uint32Array.BYTES_PER_ELEMENT);
    this.#pool.push(...values);
    this.#poolPlaces.set(key, place);
    return place;
  }

  /** Fills up to a multiple of `alignment` with what is not run. */
  align(alignment: number): void {
    const rest = -this.#length & (alignment - 1);
    this.#reserve(rest);
    this.#bytes.fill(INT3, this.#length, this.#length + rest);
    this.#length += rest;
  }

  /** Fills up to a multiple of `alignment` with instructions that do nothing. */
  alignLoop(alignment: number): void {
    let rest = -this.#length & (alignment - 1);
    while (rest > 0) {
      const nop = NOPS[Math.min(rest, NOPS.length - 1)] ?? [];
      this.#put(...nop);
      rest -= nop.length;
    }
  }

  /**
   * A vector instruction; `VEX` where it can be, which is shorter.
   *
   * @param op Which.
   * @param width Of the registers.
   * @param reg The operand in ModR/M.reg: what is written, or what is stored.
   * @param first The operand in `vvvv`, the first source of three operands; 0 where there is none.
   * @param second The operand in ModR/M.rm: a register, or memory.
   * @param immediate The last operand, where there is one.
   * @param masking What is masked.
   */
  vector(
    op: VectorInstruction,
    width: Width,
    reg: number,
    first: number,
    second: number | Memory,
    immediate?: number,
    masking: Masking = NO_MASKING,
  ): void {
    this.#reserve(MOST_INSTRUCTION_BYTES);
    const wide = width === ZMM || op.encodings === "evex" || masking !== NO_MASKING || reg > 15 ||
      first > 15 || (typeof second === "number" && second > 15);
    if (!wide) this.#vex(op, width, reg, first, second);
    else if (op.encodings !== "vex") this.#evex(op, width, reg, first, second, masking);
    else throw new RangeError(`Opcode ${op.opcode} has no EVEX encoding`);
    const bytes = op.memoryBytes === 0 ? width : op.memoryBytes;
    const scale = !wide ? 1 : masking.broadcast ? 4 : bytes;
    this.#modRm(reg, second, scale, immediate === undefined ? 0 : 1);
    if (immediate !== undefined) this.#byte(immediate);
  }

  vzeroupper(): void {
    this.#put(0xc5, 0xf8, 0x77);
  }

  /** Moves the low 16 bits of a general register into an opmask register. */
  kmovw(mask: number, source: number): void {
    if (source > 7) this.#put(0xc4, 0xc1, 0x78);
    else this.#put(0xc5, 0xf8);
    this.#put(0x92, 0xc0 | mask << 3 | source & 7);
  }

  /** Copies an opmask register. */
  kmovwMask(mask: number, source: number): void {
    this.#put(0xc5, 0xf8, 0x90, 0xc0 | mask << 3 | source);
  }

  /** With equal operands: sets all bits of an opmask register. */
  kxnorw(mask: number, a: number, b: number): void {
    this.#put(0xc5, 0x84 | (~a & 15) << 3, 0x46, 0xc0 | mask << 3 | b);
  }

  push(register: number): void {
    if (register > 7) this.#put(0x41);
    this.#put(0x50 | register & 7);
  }

  pop(register: number): void {
    if (register > 7) this.#put(0x41);
    this.#put(0x58 | register & 7);
  }

  /** Sets a 32-bit register, and with it the upper half of the whole one to 0. */
  mov32(register: number, value: number): void {
    if (register > 7) this.#put(0x41);
    this.#put(0xb8 | register & 7);
    this.#int32(value);
  }

  /** Sets a register to 64 bits. */
  mov64(register: number, value: bigint): void {
    this.#put(register > 7 ? 0x49 : 0x48, 0xb8 | register & 7);
    this.#int32(Number(BigInt.asIntN(32, value)));
    this.#int32(Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Copies a register. */
  mov(dst: number, src: number): void {
    this.#general(REX_W, 0x8b, dst, src);
  }

  /** Loads 32 bits; the upper half becomes 0. */
  movLoad32(dst: number, from: Memory): void {
    this.#general(0, 0x8b, dst, from);
  }

  movLoad(dst: number, from: Memory): void {
    this.#general(REX_W, 0x8b, dst, from);
  }

  movStore(to: Memory, src: number): void {
    this.#general(REX_W, 0x89, src, to);
  }

  movStore32(to: Memory, src: number): void {
    this.#general(0, 0x89, src, to);
  }

  /** Stores a 32-bit number. */
  movStoreImmediate32(to: Memory, value: number): void {
    this.#general(0, 0xc7, 0, to, 4);
    this.#int32(value);
  }

  /** `prefetcht1`: brings a line as near as the second-level cache. */
  prefetch(from: Memory): void {
    this.#general(0, 0x0f18, 2, from);
  }

  lea(dst: number, from: Memory): void {
    this.#general(REX_W, 0x8d, dst, from);
  }

  /** Adds a register to a register or to memory. */
  add(dst: number | Memory, src: number): void {
    this.#general(REX_W, 0x01, src, dst);
  }

  /** Adds a number of 32 bits to a register or to memory. */
  addImmediate(dst: number | Memory, value: number): void {
    this.#immediate(REX_W, 0, dst, value);
  }

  /** Subtracts a number of 32 bits from a register or from memory. */
  subImmediate(dst: number | Memory, value: number): void {
    this.#immediate(REX_W, 5, dst, value);
  }

  /** {@linkcode X64Assembler.subImmediate} of 32 bits. */
  subImmediate32(dst: number | Memory, value: number): void {
    this.#immediate(0, 5, dst, value);
  }

  /** Jumps back to `target` unless the last result was 0. */
  jnz(target: number): void {
    const short = target - (this.#length + 2);
    if (short >= -128) return this.#put(0x75, short & 0xff);
    this.#put(0x0f, 0x85);
    this.#int32(target - (this.#length + 4));
  }

  /** Runs `body` unless the last result was 0. */
  unlessZero(body: () => void): void {
    const jz = 0x74;
    this.#skip(jz, body);
  }

  /** Runs `body` unless the last subtraction went below 0, of unsigned numbers. */
  unlessBelow(body: () => void): void {
    const jb = 0x72;
    this.#skip(jb, body);
  }

  /** Sets flags by the bits that a 32-bit register shares with a number. */
  test32(register: number, value: number): void {
    this.#general(0, 0xf7, 0, register, 4);
    this.#int32(value);
  }

  /** Sets a register to 0. */
  xor32(register: number): void {
    this.#general(0, 0x31, register, register);
  }

  cpuid(): void {
    this.#put(0x0f, 0xa2);
  }

  xgetbv(): void {
    this.#put(0x0f, 0x01, 0xd0);
  }

  ret(): void {
    this.#put(0xc3);
  }

  /** The code, the constants behind it. */
  finish(): Uint8Array<ArrayBuffer> {
    this.align(ZMM);
    const start = this.#length;
    this.#reserve(this.#pool.length * Uint32Array.BYTES_PER_ELEMENT);
    for (const word of this.#pool) this.#int32(word);
    const code = this.#bytes.slice(0, this.#length);
    const view = new DataView(code.buffer);
    for (const { at, end, constant } of this.#fixups) {
      view.setInt32(at, start + constant - end, true);
    }
    return code;
  }

  /** `body` behind a short jump over it. */
  #skip(jump: number, body: () => void): void {
    this.#put(jump, 0);
    const start = this.#length;
    body();
    if (this.#length - start > 127) throw new RangeError("A short jump reaches 127 bytes");
    this.#bytes[start - 1] = this.#length - start;
  }

  /** Volume 2, section 2.3.5: the prefix of two bytes where it says enough, or that of three. */
  #vex(
    { map, prefix, vexW, opcode }: VectorInstruction,
    width: Width,
    reg: number,
    first: number,
    second: number | Memory,
  ): void {
    const bytes = this.#bytes;
    let at = this.#length;
    const notR = reg > 7 ? 0 : 0x80;
    const rest = (~first & 15) << 3 | (width === YMM ? 4 : 0) | prefix;
    const base = typeof second === "number" ? second : second.base;
    const notB = base > 7 ? 0 : 0x20;
    if (map === MAP_0F && notB !== 0 && vexW === 0) {
      bytes[at++] = 0xc5;
      bytes[at++] = notR | rest;
    } else {
      const notX = 0x40;
      bytes[at++] = 0xc4;
      bytes[at++] = notR | notX | notB | map;
      bytes[at++] = vexW << 7 | rest;
    }
    bytes[at++] = opcode;
    this.#length = at;
  }

  /** Volume 2, section 2.7.1. */
  #evex(
    { map, prefix, evexW, opcode }: VectorInstruction,
    width: Width,
    reg: number,
    first: number,
    second: number | Memory,
    masking: Masking,
  ): void {
    // X extends a vector register in ModR/M.rm by a fifth bit, and the index register of VSIB by its
    // fourth; the fifth of that is V'.
    let [base, x, vTop] = [0, 0, first & 16];
    if (typeof second === "number") {
      base = second;
      x = second & 16;
    } else {
      base = second.base === CONSTANTS ? 0 : second.base;
      if (second.index !== NO_INDEX) {
        x = second.index & 8;
        vTop = second.index & 16;
      }
    }
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = 0x62;
    bytes[at + 1] = (reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (base & 8 ? 0 : 0x20) |
      (reg & 16 ? 0 : 0x10) | map;
    bytes[at + 2] = evexW << 7 | (~first & 15) << 3 | 4 | prefix;
    const length = width === ZMM ? 0x40 : width === YMM ? 0x20 : 0;
    bytes[at + 3] = length | (vTop ? 0 : 8) | (masking === NO_MASKING ? 0 : maskingBits(masking));
    bytes[at + 4] = opcode;
    this.#length = at + 5;
  }

  /** An instruction on general registers. */
  #general(
    rexW: number,
    opcode: number,
    reg: number,
    rm: number | Memory,
    immediateBytes = 0,
  ): void {
    this.#reserve(MOST_INSTRUCTION_BYTES);
    const base = typeof rm === "number" ? rm : rm.base;
    const rex = rexW | (reg > 7 ? 4 : 0) | (base > 7 ? 1 : 0);
    if (rex !== 0) this.#byte(0x40 | rex);
    if (opcode > 0xff) this.#byte(opcode >> 8);
    this.#byte(opcode & 0xff);
    this.#modRm(reg, rm, 1, immediateBytes);
  }

  /** One of the operations that share the opcodes `83` and `81`. */
  #immediate(rexW: number, operation: number, dst: number | Memory, value: number): void {
    if (value >= -128 && value < 128) {
      this.#general(rexW, 0x83, operation, dst, 1);
      this.#byte(value);
    } else {
      this.#general(rexW, 0x81, operation, dst, 4);
      this.#int32(value);
    }
  }

  /**
   * ModR/M, SIB and displacement, volume 2, section 2.1.3; a displacement of one byte counts multiples
   * of `scale`, section 2.7.5.
   */
  #modRm(reg: number, rm: number | Memory, scale: number, immediateBytes: number): void {
    const field = (reg & 7) << 3;
    if (typeof rm === "number") return this.#byte(0xc0 | field | rm & 7);
    const { base, offset, index } = rm;
    if (base === CONSTANTS) {
      this.#byte(field | NO_BASE);
      const at = this.#length;
      this.#fixups.push({ at, end: at + 4 + immediateBytes, constant: offset });
      return this.#int32(0);
    }
    const low = base & 7;
    const short = offset / scale;
    const none = offset === 0 && low !== NO_BASE;
    const fits = short >= -128 && short < 128 && Number.isInteger(short);
    const mode = none ? 0 : fits ? 0x40 : 0x80;
    if (index !== NO_INDEX) {
      this.#byte(mode | field | SIB_FOLLOWS);
      this.#byte((index & 7) << 3 | low);
    } else {
      this.#byte(mode | field | low);
      const noIndex = 0x20;
      if (low === SIB_FOLLOWS) this.#byte(noIndex | low);
    }
    if (none) return;
    if (fits) this.#byte(short);
    else this.#int32(checkOffset(offset));
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * this.#bytes.length + count);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  #put(...values: number[]): void {
    this.#reserve(values.length);
    for (const value of values) this.#byte(value);
  }

  #int32(value: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
    bytes[at + 2] = value >> 16;
    bytes[at + 3] = value >> 24;
    this.#length = at + 4;
  }
}

/** The bit of the REX prefix that says 64 bits. */
const REX_W = 8;

/** The bits of masking in EVEX. */
function maskingBits({ mask = 0, zeroing = false, broadcast = false }: Masking): number {
  return (zeroing ? 0x80 : 0) | (broadcast ? 0x10 : 0) | mask;
}

function checkOffset(offset: number): number {
  if (offset === (offset | 0)) return offset;
  throw new RangeError(`Offset ${offset} of a memory access is not one of 32 bits`);
}
