/**
 * The two ways to store a float in 16 bits: IEEE 754's binary16, and the upper half of a float32 (bfloat16).
 * `DataView` reads and writes the former itself only in the newest runtimes.
 *
 * @module
 */

/** The one float that is looked at as bits. */
const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The value of a float16. */
export function halfValue(bits: number): number {
  const sign = bits << 16 & 0x80000000;
  const size = bits & 0x7fff;
  if (size < 0x0400) {
    // Below the least exponent all are multiples of one number.
    return sign === 0 ? size * 2 ** -24 : -(size * 2 ** -24);
  }
  // The exponents differ by 112, those of infinity and NaN by twice as much.
  BITS[0] = sign | (size << 13) + (size < 0x7c00 ? 112 << 23 : 224 << 23);
  return FLOAT[0] ?? 0;
}

/** The value of a bfloat16. */
export function bfloatValue(bits: number): number {
  BITS[0] = bits << 16;
  return FLOAT[0] ?? 0;
}

/** The float16 nearest to a float32, the even one of two that are as near. */
export function halfBits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0] ?? 0;
  const sign = bits >>> 16 & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > INFINITY) return sign | 0x7e00;
  // Half a unit above the largest float16 and more.
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 all have the same unit, 2^-24: that of float32 from 0.5 to 1, to which a sum is rounded.
  if (size < 0x38800000) {
    FLOAT[0] = Math.abs(value) + 0.5;
    return sign | (BITS[0] ?? 0) - HALF;
  }
  // The exponents differ by 112; a carry out of the fraction goes where it belongs.
  return sign | dropBits(size - (112 << 23), 13);
}

/** The bfloat16 nearest to a float32, the even one of two that are as near. */
export function bfloatBits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0] ?? 0;
  // The bits that make it NaN may all be in the lower half.
  if ((bits & 0x7fffffff) > INFINITY) return bits >>> 16 | 0x40;
  return dropBits(bits, 16);
}

/** The bits of the float32 infinity, and of 0.5. */
const INFINITY = 0x7f800000;
const HALF = 0x3f000000;

/** Drops the lowest bits of a number, to the nearest, the even one of two that are as near. */
function dropBits(bits: number, dropped: number): number {
  const odd = bits >>> dropped & 1;
  return (bits + 2 ** (dropped - 1) - 1 + odd) / 2 ** dropped >>> 0;
}
