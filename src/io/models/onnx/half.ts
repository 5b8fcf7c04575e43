/**
 * The two ways to store a float in 16 bits: IEEE 754's binary16, and the upper half of a float32 (bfloat16).
 *
 * @module
 */

/** Writes the values of float16 as float32. */
export function widenHalves(bits: (index: number) => number, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < into.length; i++) {
    const half = bits(i);
    const size = half & 0x7fff;
    const sign = (half & 0x8000) << 16;
    if (size < LEAST_NORMAL) {
      // Below the least exponent all are multiples of one number.
      into[i] = sign === 0 ? size * 2 ** -24 : -(size * 2 ** -24);
    } else {
      // The exponents differ by 112, those of infinity and NaN by twice as much.
      words[i] = sign | (size << 13) + (size < INFINITE ? 112 << 23 : 224 << 23);
    }
  }
}

/** Writes the values of bfloat16 as float32. */
export function widenBfloats(bits: (index: number) => number, into: Float32Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < into.length; i++) words[i] = bits(i) << 16;
}

/** The bits of the least float16 that is normal, and of the infinite one. */
const LEAST_NORMAL = 0x0400;
const INFINITE = 0x7c00;
