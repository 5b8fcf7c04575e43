/**
 * AVX2 with FMA.
 *
 * @module
 */

import type { Needs } from "./allocate.ts";
import type { Step } from "./linear.ts";
import { type Memory, OP, type Width, type X64Assembler, XMM, YMM } from "./assembler.ts";
import {
  type Gather,
  gatherOf,
  isConsecutive,
  type ScatterWindow,
  scatterWindows,
  shuffle256,
} from "./patterns.ts";
import {
  displaced,
  IN_RESULT,
  NOT_LESS_OR_EQUAL,
  NOTHING,
  temporaries,
  type VectorCode,
} from "./vector_code.ts";

const LANES = 8;

/** Lanes of half a vector register. */
const HALF = 4;

/** Lanes that need no mask. */
const NARROW: readonly number[] = [1, 2, 4, 8];

/** Writes what AVX2 does in its own way. */
export class Avx2Code implements VectorCode {
  readonly width: Width = YMM;
  readonly broadcasts = false;
  readonly #code: X64Assembler;

  constructor(code: X64Assembler) {
    this.#code = code;
  }

  needs(step: Step): Needs {
    switch (step.op) {
      case "store":
        return NARROW.includes(step.lanes) ? NOTHING : temporaries(1);
      case "lane":
        if (step.lane === 0) return NOTHING;
        return step.dst === step.src ? temporaries(1) : IN_RESULT;
      case "shuffle":
        return shuffleNeeds(step);
      case "gather":
        return gatherNeeds(step.offsets);
      case "scatter":
        return scatterNeeds(step.offsets);
      case "max":
      case "min":
      case "select":
        return temporaries(1);
      default:
        return NOTHING;
    }
  }

  begin(): void {}

  load(dst: number, from: Memory, lanes: number): void {
    const code = this.#code;
    switch (lanes) {
      case 1:
        return code.vector(OP.vmovss, XMM, dst, 0, from);
      case 2:
        return code.vector(OP.vmovsd, XMM, dst, 0, from);
      case 4:
        return code.vector(OP.vmovups, XMM, dst, 0, from);
      case 8:
        return code.vector(OP.vmovups, YMM, dst, 0, from);
      default:
        code.vector(OP.vmovups, YMM, dst, 0, this.#mask(firstLanes(lanes)));
        return code.vector(OP.vmaskmovps, YMM, dst, dst, from);
    }
  }

  store(src: number, to: Memory, lanes: number, [mask = 0]: readonly number[]): void {
    const code = this.#code;
    switch (lanes) {
      case 1:
        return code.vector(OP.vmovssStore, XMM, src, 0, to);
      case 2:
        return code.vector(OP.vmovsdStore, XMM, src, 0, to);
      case 4:
        return code.vector(OP.vmovupsStore, XMM, src, 0, to);
      case 8:
        return code.vector(OP.vmovupsStore, YMM, src, 0, to);
      default:
        return this.#storeMasked(src, to, firstLanes(lanes), mask);
    }
  }

  gather(
    dst: number,
    from: Memory,
    offsets: readonly number[],
    [first = 0]: readonly number[],
  ): void {
    const code = this.#code;
    const way = wayOfGather(offsets);
    switch (way.kind) {
      case "broadcast":
        return code.vector(OP.vbroadcastss, YMM, dst, 0, displaced(from, way.offset));
      case "load":
        return this.load(dst, displaced(from, way.offset), offsets.length);
      case "window":
        this.load(dst, displaced(from, way.offset), way.span);
        this.#loadIndex(first, way.index);
        return code.vector(OP.vpermps, YMM, dst, first, dst);
      case "windows":
        return this.#gatherWindows(dst, from, way, first);
      case "elements":
        this.#insert(dst, from, offsets.slice(0, HALF));
        if (offsets.length <= HALF) return;
        this.#insert(first, from, offsets.slice(HALF));
        return code.vector(OP.vinsertf128, YMM, dst, dst, first, 1);
    }
  }

  scatter(
    src: number,
    to: Memory,
    offsets: readonly number[],
    [first = 0, second = 0]: readonly number[],
  ): void {
    const code = this.#code;
    if (isConsecutive(offsets)) {
      return this.store(src, displaced(to, offsets[0] ?? 0), offsets.length, [first]);
    }
    const windows = scatterWindows(offsets, LANES);
    if (windows !== null) {
      for (const { offset, from } of windows) {
        this.#loadIndex(first, from.map((lane) => lane ?? 0));
        code.vector(OP.vpermps, YMM, first, first, src);
        this.#storeMasked(first, displaced(to, offset), maskOf(from), second);
      }
      return;
    }
    offsets.forEach((offset, lane) => {
      if (lane === HALF) code.vector(OP.vextractf128, YMM, src, 0, first, 1);
      const half = lane < HALF ? src : first;
      const place = displaced(to, offset);
      if (lane % HALF === 0) code.vector(OP.vmovssStore, XMM, half, 0, place);
      else code.vector(OP.vextractps, XMM, half, 0, place, lane % HALF);
    });
  }

  lane(dst: number, src: number, lane: number, [temporary = dst]: readonly number[]): void {
    if (lane === 0) return this.#code.vector(OP.vbroadcastss, YMM, dst, 0, src);
    this.#loadIndex(temporary, new Array<number>(LANES).fill(lane));
    this.#code.vector(OP.vpermps, YMM, dst, temporary, src);
  }

  select(dst: number, a: number, b: number, c: number, [mask = 0]: readonly number[]): void {
    const code = this.#code;
    code.vector(OP.vxorps, XMM, mask, mask, mask);
    code.vector(OP.vcmpps, YMM, mask, a, mask, NOT_LESS_OR_EQUAL);
    code.vector(OP.vblendvps, YMM, dst, c, b, mask << 4);
  }

  shuffle(
    dst: number,
    a: number,
    b: number,
    index: readonly number[],
    own: readonly number[],
  ): void {
    const code = this.#code;
    const [first = dst, second = 0] = own;
    const way = shuffle256(index);
    const register = { a, b };
    switch (way.kind) {
      case "copy":
        return code.vector(OP.vmovaps, YMM, dst, 0, register[way.from]);
      case "lane":
        return this.lane(dst, register[way.from], way.lane, own);
      case "fixed":
        return code.vector(
          way.op,
          YMM,
          dst,
          register[way.first],
          register[way.second],
          way.immediate,
        );
      case "permute":
        this.#loadIndex(first, way.index);
        return code.vector(OP.vpermps, YMM, dst, first, register[way.from]);
      case "crossed":
        code.vector(
          OP.vshufps,
          YMM,
          dst,
          register[way.first],
          register[way.second],
          way.immediate,
        );
        return code.vector(OP.vpermpd, YMM, dst, 0, dst, PAIRS_CROSSED);
      case "merge":
        this.#loadIndex(first, way.index.map((lane) => lane % LANES));
        code.vector(OP.vpermps, YMM, second, first, a);
        code.vector(OP.vpermps, YMM, first, first, b);
        return code.vector(OP.vblendps, YMM, dst, second, first, fromSecond(way.index));
    }
  }

  /** Lanes of two vectors of memory. */
  #gatherWindows(
    dst: number,
    from: Memory,
    { offset, second, index }: Extract<Gather, { kind: "windows" }>,
    temporary: number,
  ): void {
    const code = this.#code;
    const [low, high] = [displaced(from, offset), displaced(from, second)];
    const way = shuffle256(index);
    if (way.kind === "crossed" && way.first === "a" && way.second === "b") {
      code.vector(OP.vmovups, YMM, dst, 0, low);
      code.vector(OP.vshufps, YMM, dst, dst, high, way.immediate);
      return code.vector(OP.vpermpd, YMM, dst, 0, dst, PAIRS_CROSSED);
    }
    this.#loadIndex(temporary, index.map((lane) => lane % LANES));
    code.vector(OP.vpermps, YMM, dst, temporary, low);
    code.vector(OP.vpermps, YMM, temporary, temporary, high);
    code.vector(OP.vblendps, YMM, dst, dst, temporary, fromSecond(index));
  }

  /** At most half a vector of elements one by one, the other lanes 0. */
  #insert(dst: number, from: Memory, offsets: readonly number[]): void {
    offsets.forEach((offset, lane) => {
      const place = displaced(from, offset);
      if (lane === 0) this.#code.vector(OP.vmovss, XMM, dst, 0, place);
      else this.#code.vector(OP.vinsertps, XMM, dst, dst, place, lane << 4);
    });
  }

  #storeMasked(src: number, to: Memory, lanes: readonly boolean[], mask: number): void {
    this.#code.vector(OP.vmovups, YMM, mask, 0, this.#mask(lanes));
    this.#code.vector(OP.vmaskmovpsStore, YMM, src, mask, to);
  }

  #loadIndex(register: number, index: readonly number[]): void {
    this.#code.vector(OP.vmovups, YMM, register, 0, this.#code.words(index));
  }

  #mask(lanes: readonly boolean[]): Memory {
    return this.#code.words(lanes.map((set) => set ? -1 : 0));
  }
}

/** The pairs 0, 2, 1, 3. */
const PAIRS_CROSSED = 0b11_01_10_00;

/** The lanes that come from the second of two vectors, a bit each. */
function fromSecond(index: readonly number[]): number {
  return index.reduce((bits, lane, i) => lane < LANES ? bits : bits | 1 << i, 0);
}

function firstLanes(lanes: number): boolean[] {
  return Array.from({ length: LANES }, (_, i) => i < lanes);
}

function maskOf(from: ScatterWindow["from"]): boolean[] {
  return from.map((lane) => lane !== null);
}

/** There is no permutation that leaves lanes 0: only whole vectors are put together from others. */
function wayOfGather(offsets: readonly number[]) {
  const way = gatherOf(offsets, LANES);
  const whole = way.kind === "broadcast" || way.kind === "load" || offsets.length === LANES;
  return whole ? way : { kind: "elements" } as const;
}

function gatherNeeds(offsets: readonly number[]): Needs {
  switch (wayOfGather(offsets).kind) {
    case "broadcast":
    case "load":
      return NOTHING;
    case "window":
    case "windows":
      return temporaries(1);
    case "elements":
      return temporaries(offsets.length > HALF ? 1 : 0);
  }
}

function scatterNeeds(offsets: readonly number[]): Needs {
  const { length } = offsets;
  if (isConsecutive(offsets)) return temporaries(NARROW.includes(length) ? 0 : 1);
  if (scatterWindows(offsets, LANES) !== null) return temporaries(2);
  return temporaries(length > HALF ? 1 : 0);
}

function shuffleNeeds(
  { dst, a, b, lanes }: {
    readonly dst: number;
    readonly a: number;
    readonly b: number;
    readonly lanes: readonly number[];
  },
): Needs {
  const way = shuffle256(lanes);
  const apart = dst !== a && dst !== b;
  switch (way.kind) {
    case "copy":
    case "fixed":
    case "crossed":
      return NOTHING;
    case "lane":
      return way.lane === 0 ? NOTHING : apart ? IN_RESULT : temporaries(1);
    case "permute":
      return apart ? IN_RESULT : temporaries(1);
    case "merge":
      return temporaries(2);
  }
}
