/**
 * From samples to coefficients: the discrete cosine transform of blocks of 8 x 8, divided by a table.
 *
 * @module
 */

import { BLOCK, BLOCK_SIDE } from "./frame.ts";

/** A component of a picture, its samples around 0. */
export interface SamplePlane {
  readonly width: number;
  readonly height: number;
  readonly samples: Float32Array;
}

/** The largest coefficients that a baseline picture holds, but for the first of each block. */
const LARGEST = 1023;

/** The cosines, row by row: each is a frequency, and all have length 1. */
const COSINES = Float64Array.from({ length: BLOCK }, (_, index) => {
  const [frequency, place] = [Math.floor(index / BLOCK_SIDE), index % BLOCK_SIDE];
  const scale = frequency === 0 ? Math.SQRT1_2 : 1;
  return scale / 2 * Math.cos((2 * place + 1) * frequency * Math.PI / (2 * BLOCK_SIDE));
});

/**
 * The coefficients of a component, block by block, each block row by row.
 *
 * @param plane The component. Beyond its edges its last samples go on.
 * @param table What each coefficient is divided by.
 */
export function coefficientsOf(plane: SamplePlane, table: Uint8Array): Int16Array {
  const columns = Math.ceil(plane.width / BLOCK_SIDE);
  const rows = Math.ceil(plane.height / BLOCK_SIDE);
  const coefficients = new Int16Array(columns * rows * BLOCK);
  const block = new Float64Array(BLOCK);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += BLOCK) {
      load(plane, row * BLOCK_SIDE, column * BLOCK_SIDE, block);
      transform(block);
      for (let index = 0; index < BLOCK; index++) {
        const value = Math.round((block[index] ?? 0) / (table[index] ?? 1));
        coefficients[at + index] = index === 0
          ? value
          : Math.min(Math.max(value, -LARGEST), LARGEST);
      }
    }
  }
  return coefficients;
}

function load(
  { width, height, samples }: SamplePlane,
  top: number,
  left: number,
  block: Float64Array,
): void {
  for (let y = 0, at = 0; y < BLOCK_SIDE; y++) {
    const row = Math.min(top + y, height - 1) * width;
    for (let x = 0; x < BLOCK_SIDE; x++) {
      block[at++] = samples[row + Math.min(left + x, width - 1)] ?? 0;
    }
  }
}

/** Transforms a block in place: its rows, then its columns. */
function transform(block: Float64Array): void {
  for (let row = 0; row < BLOCK; row += BLOCK_SIDE) transformLine(block, row, 1);
  for (let column = 0; column < BLOCK_SIDE; column++) transformLine(block, column, BLOCK_SIDE);
}

const LINE = new Float64Array(BLOCK_SIDE);

function transformLine(block: Float64Array, at: number, step: number): void {
  for (let frequency = 0; frequency < BLOCK_SIDE; frequency++) {
    let sum = 0;
    for (let place = 0; place < BLOCK_SIDE; place++) {
      sum += (COSINES[frequency * BLOCK_SIDE + place] ?? 0) * (block[at + place * step] ?? 0);
    }
    LINE[frequency] = sum;
  }
  for (let place = 0; place < BLOCK_SIDE; place++) block[at + place * step] = LINE[place] ?? 0;
}
