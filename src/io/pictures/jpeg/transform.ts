/**
 * From coefficients to samples: the inverse discrete cosine transform of blocks of 8 x 8, in integers with the
 * rounding of the usual decoder (Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11
 * multiplications", 1989), so that pictures look the same to the last bit.
 *
 * @module
 */

import type { Plane } from "./scan.ts";
import { BLOCK, BLOCK_SIDE } from "./frame.ts";

/** The bits behind the point of the constants, and of what the first pass leaves. */
const CONSTANT_BITS = 13;
const PASS_BITS = 2;

/** Cosines and sums of them, in units of 2^-13. */
const C0_298 = 2446;
const C0_390 = 3196;
const C0_541 = 4433;
const C0_765 = 6270;
const C0_899 = 7373;
const C1_175 = 9633;
const C1_501 = 12299;
const C1_847 = 15137;
const C1_961 = 16069;
const C2_053 = 16819;
const C2_562 = 20995;
const C3_072 = 25172;

/** The samples of a component, with those that fill up its blocks. */
export interface Samples {
  readonly data: Uint8Array;
  /** From a row to the next. */
  readonly stride: number;
}

/**
 * The samples of a component.
 *
 * @param plane Its coefficients.
 * @param table What each coefficient is multiplied by.
 */
export function samplesOf({ component, coefficients }: Plane, table: Uint16Array): Samples {
  const { blocksAcross, blocksDown } = component;
  const stride = blocksAcross * BLOCK_SIDE;
  const data = new Uint8Array(stride * blocksDown * BLOCK_SIDE);
  const work = new Int32Array(BLOCK);
  for (let row = 0, at = 0; row < blocksDown; row++) {
    for (let column = 0; column < blocksAcross; column++, at += BLOCK) {
      for (let index = 0; index < BLOCK; index++) {
        work[index] = (coefficients[at + index] ?? 0) * (table[index] ?? 0);
      }
      transform(work);
      store(work, data, row * BLOCK_SIDE * stride + column * BLOCK_SIDE, stride);
    }
  }
  return { data, stride };
}

/** Transforms a block in place: its columns, then its rows. */
function transform(work: Int32Array): void {
  for (let column = 0; column < BLOCK_SIDE; column++) {
    transformLine(work, column, BLOCK_SIDE, CONSTANT_BITS - PASS_BITS);
  }
  for (let row = 0; row < BLOCK; row += BLOCK_SIDE) {
    // The transform is not normalised: it is 8 times too large.
    transformLine(work, row, 1, CONSTANT_BITS + PASS_BITS + 3);
  }
}

/** Transforms eight numbers in place, and drops the lowest bits of the results. */
function transformLine(work: Int32Array, at: number, step: number, dropped: number): void {
  const v0 = work[at] ?? 0;
  const v1 = work[at + step] ?? 0;
  const v2 = work[at + 2 * step] ?? 0;
  const v3 = work[at + 3 * step] ?? 0;
  const v4 = work[at + 4 * step] ?? 0;
  const v5 = work[at + 5 * step] ?? 0;
  const v6 = work[at + 6 * step] ?? 0;
  const v7 = work[at + 7 * step] ?? 0;
  const half = 1 << dropped - 1;

  // The even ones: a butterfly and a rotation.
  const turned = (v2 + v6) * C0_541;
  const even2 = turned - v6 * C1_847;
  const even3 = turned + v2 * C0_765;
  const even0 = (v0 + v4) * (1 << CONSTANT_BITS);
  const even1 = (v0 - v4) * (1 << CONSTANT_BITS);
  const e0 = even0 + even3 + half;
  const e3 = even0 - even3 + half;
  const e1 = even1 + even2 + half;
  const e2 = even1 - even2 + half;

  // The odd ones.
  const z1 = (v7 + v1) * -C0_899;
  const z2 = (v5 + v3) * -C2_562;
  const z5 = (v7 + v3 + v5 + v1) * C1_175;
  const z3 = (v7 + v3) * -C1_961 + z5;
  const z4 = (v5 + v1) * -C0_390 + z5;
  const o0 = v7 * C0_298 + z1 + z3;
  const o1 = v5 * C2_053 + z2 + z4;
  const o2 = v3 * C3_072 + z2 + z3;
  const o3 = v1 * C1_501 + z1 + z4;

  work[at] = e0 + o3 >> dropped;
  work[at + 7 * step] = e0 - o3 >> dropped;
  work[at + step] = e1 + o2 >> dropped;
  work[at + 6 * step] = e1 - o2 >> dropped;
  work[at + 2 * step] = e2 + o1 >> dropped;
  work[at + 5 * step] = e2 - o1 >> dropped;
  work[at + 3 * step] = e3 + o0 >> dropped;
  work[at + 4 * step] = e3 - o0 >> dropped;
}

/** Stores a block; its values lie around 0. */
function store(work: Int32Array, data: Uint8Array, at: number, stride: number): void {
  for (let index = 0; index < BLOCK; index += BLOCK_SIDE, at += stride) {
    for (let x = 0; x < BLOCK_SIDE; x++) {
      const value = (work[index + x] ?? 0) + 128;
      data[at + x] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}
