/**
 * AVX-512 with F, DQ, BW and VL.
 *
 * @module
 */

import type { Needs } from "./allocate.ts";
import type { Step } from "./linear.ts";
import {
  eachLane,
  GPR,
  type Memory,
  OP,
  type VectorInstruction,
  type Width,
  type X64Assembler,
  XMM,
  YMM,
  ZMM,
} from "./assembler.ts";
import {
  type Gather,
  gatherOf,
  isConsecutive,
  type ScatterWindow,
  scatterWindows,
  shuffle512,
} from "./patterns.ts";
import {
  displaced,
  IN_RESULT,
  NOT_LESS_OR_EQUAL,
  NOTHING,
  temporaries,
  type VectorCode,
} from "./vector_code.ts";

const LANES = 16;

/** For masks that are set where they are used; k0 stands for no mask. */
const TEMPORARY_MASK = 1;

/** The first mask register that keeps its mask throughout a program. */
const FIRST_KEPT = 2;

const MASK_REGISTERS = 8;

/** Lanes of which a narrower register is full: no mask is needed. */
const NARROW: ReadonlyMap<number, readonly [VectorInstruction, VectorInstruction, Width]> = new Map(
  [
    [1, [OP.vmovss, OP.vmovssStore, XMM]],
    [2, [OP.vmovsd, OP.vmovsdStore, XMM]],
    [4, [OP.vmovups, OP.vmovupsStore, XMM]],
    [8, [OP.vmovups, OP.vmovupsStore, YMM]],
    [16, [OP.vmovups, OP.vmovupsStore, ZMM]],
  ],
);

/** Elements that are put together one by one. */
const MOST_INSERTED = 4;

/** Writes what AVX-512 does in its own way. */
export class Avx512Code implements VectorCode {
  readonly width: Width = ZMM;
  readonly broadcasts = true;
  readonly #code: X64Assembler;
  /** How many steps use a mask. */
  readonly #uses = new Map<number, number>();
  /** Masks that are kept, with their registers. */
  #kept: ReadonlyMap<number, number> = new Map();

  constructor(code: X64Assembler) {
    this.#code = code;
  }

  needs(step: Step): Needs {
    for (const bits of masksOf(step)) this.#uses.set(bits, 1 + (this.#uses.get(bits) ?? 0));
    switch (step.op) {
      case "lane":
        if (step.lane === 0) return NOTHING;
        return step.dst === step.src ? temporaries(1) : IN_RESULT;
      case "shuffle":
        return shuffleNeeds(shuffle512(step.lanes), step);
      case "gather":
        return gatherNeeds(gatherOf(step.offsets, LANES), step.offsets.length);
      case "scatter": {
        const { offsets } = step;
        if (isConsecutive(offsets)) return NOTHING;
        if (scatterWindows(offsets, LANES) !== null) return temporaries(2);
        return temporaries(offsets.length > MOST_INSERTED ? 1 : 0);
      }
      case "max":
      case "min":
        return temporaries(1);
      default:
        return NOTHING;
    }
  }

  begin(): void {
    this.#kept = mostUsed(this.#uses);
    for (const [bits, register] of this.#kept) this.#setMask(register, bits);
  }

  load(dst: number, from: Memory, lanes: number): void {
    const narrow = NARROW.get(lanes);
    if (narrow !== undefined) return this.#code.vector(narrow[0], narrow[2], dst, 0, from);
    const mask = this.#mask(maskOf(lanes));
    this.#code.vector(OP.vmovups, ZMM, dst, 0, from, undefined, { mask, zeroing: true });
  }

  store(src: number, to: Memory, lanes: number): void {
    const narrow = NARROW.get(lanes);
    if (narrow !== undefined) return this.#code.vector(narrow[1], narrow[2], src, 0, to);
    const mask = this.#mask(maskOf(lanes));
    this.#code.vector(OP.vmovupsStore, ZMM, src, 0, to, undefined, { mask });
  }

  gather(
    dst: number,
    from: Memory,
    offsets: readonly number[],
    [index = 0]: readonly number[],
  ): void {
    const code = this.#code;
    const lanes = offsets.length;
    const way = gatherOf(offsets, LANES);
    const rest = () => lanes === LANES ? {} : { mask: this.#mask(maskOf(lanes)), zeroing: true };
    switch (way.kind) {
      case "broadcast":
        return code.vector(OP.vbroadcastss, ZMM, dst, 0, displaced(from, way.offset));
      case "load":
        return this.load(dst, displaced(from, way.offset), lanes);
      case "window":
        this.load(dst, displaced(from, way.offset), way.span);
        this.#loadIndex(index, way.index);
        return code.vector(OP.vpermps, ZMM, dst, index, dst, undefined, rest());
      case "windows":
        this.load(dst, displaced(from, way.offset), LANES);
        this.#loadIndex(index, way.index);
        return code.vector(
          OP.vpermt2ps,
          ZMM,
          dst,
          index,
          displaced(from, way.second),
          undefined,
          rest(),
        );
      case "elements":
        if (lanes <= MOST_INSERTED) return this.#insert(dst, from, offsets);
        this.#loadIndex(index, offsets);
        // What is not gathered stays as it is, and the processor would wait for what that is.
        code.vector(OP.vxorps, XMM, dst, dst, dst);
        code.vector(OP.vgatherdps, ZMM, dst, 0, eachLane(from, index), undefined, {
          mask: this.#temporaryMask(maskOf(lanes)),
        });
    }
  }

  scatter(
    src: number,
    to: Memory,
    offsets: readonly number[],
    [index = 0, window = 0]: readonly number[],
  ): void {
    const [first = 0] = offsets;
    if (isConsecutive(offsets)) return this.store(src, displaced(to, first), offsets.length);
    const windows = scatterWindows(offsets, LANES);
    if (windows !== null) {
      for (const { offset, from } of windows) {
        this.#loadIndex(index, from.map((lane) => lane ?? 0));
        this.#code.vector(OP.vpermps, ZMM, window, index, src);
        this.#code.vector(OP.vmovupsStore, ZMM, window, 0, displaced(to, offset), undefined, {
          mask: this.#mask(windowMask(from)),
        });
      }
      return;
    }
    if (offsets.length <= MOST_INSERTED) {
      offsets.forEach((offset, lane) => {
        const place = displaced(to, offset);
        if (lane === 0) this.#code.vector(OP.vmovssStore, XMM, src, 0, place);
        else this.#code.vector(OP.vextractps, XMM, src, 0, place, lane);
      });
      return;
    }
    this.#loadIndex(index, offsets);
    this.#code.vector(OP.vscatterdps, ZMM, src, 0, eachLane(to, index), undefined, {
      mask: this.#temporaryMask(maskOf(offsets.length)),
    });
  }

  lane(dst: number, src: number, lane: number, [temporary = dst]: readonly number[]): void {
    if (lane === 0) return this.#code.vector(OP.vbroadcastss, ZMM, dst, 0, src);
    this.#loadIndex(temporary, new Array<number>(LANES).fill(lane));
    this.#code.vector(OP.vpermps, ZMM, dst, temporary, src);
  }

  select(dst: number, a: number, b: number, c: number): void {
    const code = this.#code;
    const mask = TEMPORARY_MASK;
    const zero = code.words([0]);
    code.vector(OP.vcmppsMask, ZMM, mask, a, zero, NOT_LESS_OR_EQUAL, { broadcast: true });
    code.vector(OP.vblendmps, ZMM, dst, c, b, undefined, { mask });
  }

  shuffle(
    dst: number,
    a: number,
    b: number,
    index: readonly number[],
    own: readonly number[],
  ): void {
    const code = this.#code;
    const [temporary = dst] = own;
    const way = shuffle512(index);
    const register = { a, b };
    switch (way.kind) {
      case "copy":
        return code.vector(OP.vmovaps, ZMM, dst, 0, register[way.from]);
      case "lane":
        return this.lane(dst, register[way.from], way.lane, own);
      case "fixed":
        return code.vector(
          way.op,
          ZMM,
          dst,
          register[way.first],
          register[way.second],
          way.immediate,
        );
      case "permute":
        this.#loadIndex(temporary, way.index);
        return code.vector(OP.vpermps, ZMM, dst, temporary, register[way.from]);
      case "merge":
        this.#loadIndex(temporary, way.index);
        if (dst === a) return code.vector(OP.vpermt2ps, ZMM, dst, temporary, b);
        code.vector(OP.vpermi2ps, ZMM, temporary, a, b);
        if (temporary !== dst) code.vector(OP.vmovaps, ZMM, dst, 0, temporary);
    }
  }

  /** The elements one by one, the other lanes 0. */
  #insert(dst: number, from: Memory, offsets: readonly number[]): void {
    offsets.forEach((offset, lane) => {
      const place = displaced(from, offset);
      if (lane === 0) this.#code.vector(OP.vmovss, XMM, dst, 0, place);
      else this.#code.vector(OP.vinsertps, XMM, dst, dst, place, lane << 4);
    });
  }

  #loadIndex(register: number, index: readonly number[]): void {
    const all = Array.from({ length: LANES }, (_, i) => index[i] ?? 0);
    this.#code.vector(OP.vmovups, ZMM, register, 0, this.#code.words(all));
  }

  /** A register with a mask, which may be kept: it must not be changed. */
  #mask(bits: number): number {
    const kept = this.#kept.get(bits);
    if (kept !== undefined) return kept;
    this.#setMask(TEMPORARY_MASK, bits);
    return TEMPORARY_MASK;
  }

  /** A register with a mask, which may be changed. */
  #temporaryMask(bits: number): number {
    const kept = this.#kept.get(bits);
    if (bits === ALL_LANES) {
      this.#code.kxnorw(TEMPORARY_MASK, TEMPORARY_MASK, TEMPORARY_MASK);
    } else if (kept !== undefined) this.#code.kmovwMask(TEMPORARY_MASK, kept);
    else this.#setMask(TEMPORARY_MASK, bits);
    return TEMPORARY_MASK;
  }

  #setMask(register: number, bits: number): void {
    this.#code.mov32(GPR.rax, bits);
    this.#code.kmovw(register, GPR.rax);
  }
}

const ALL_LANES = maskOf(LANES);

/** The mask of the first lanes. */
function maskOf(lanes: number): number {
  return 2 ** lanes - 1;
}

/** The mask of the elements of a window that are stored. */
function windowMask(from: ScatterWindow["from"]): number {
  return from.reduce<number>((bits, lane, i) => lane === null ? bits : bits | 1 << i, 0);
}

function shuffleNeeds(
  way: ReturnType<typeof shuffle512>,
  { dst, a, b }: { readonly dst: number; readonly a: number; readonly b: number },
): Needs {
  const apart = dst !== a && dst !== b;
  switch (way.kind) {
    case "copy":
    case "fixed":
      return NOTHING;
    case "lane":
      return way.lane === 0 ? NOTHING : apart ? IN_RESULT : temporaries(1);
    case "permute":
    case "merge":
      return apart ? IN_RESULT : temporaries(1);
  }
}

function gatherNeeds({ kind }: Gather, elements: number): Needs {
  if (kind === "broadcast" || kind === "load") return NOTHING;
  return temporaries(kind === "elements" && elements <= MOST_INSERTED ? 0 : 1);
}

const NO_MASKS: readonly number[] = [];

/** The masks that a step uses. */
function masksOf(step: Step): readonly number[] {
  switch (step.op) {
    case "load":
    case "store":
      return NARROW.has(step.lanes) ? NO_MASKS : [maskOf(step.lanes)];
    case "gather": {
      const lanes = step.offsets.length;
      const way = gatherOf(step.offsets, LANES);
      if (way.kind === "broadcast" || lanes === LANES && way.kind !== "window") return NO_MASKS;
      if (way.kind === "load") return NARROW.has(lanes) ? NO_MASKS : [maskOf(lanes)];
      if (way.kind !== "window") return [maskOf(lanes)];
      return [lanes, way.span].filter((count) => !NARROW.has(count)).map(maskOf);
    }
    case "scatter": {
      const lanes = step.offsets.length;
      if (isConsecutive(step.offsets)) return NARROW.has(lanes) ? NO_MASKS : [maskOf(lanes)];
      const windows = scatterWindows(step.offsets, LANES);
      if (windows !== null) return windows.map(({ from }) => windowMask(from));
      return lanes === LANES || lanes <= MOST_INSERTED ? NO_MASKS : [maskOf(lanes)];
    }
    default:
      return NO_MASKS;
  }
}

/** The masks that are used most, with a register for each. */
function mostUsed(uses: ReadonlyMap<number, number>): Map<number, number> {
  const most = [...uses].sort((one, other) => other[1] - one[1]);
  return new Map(
    most.slice(0, MASK_REGISTERS - FIRST_KEPT).map(([bits], i) => [bits, FIRST_KEPT + i]),
  );
}
