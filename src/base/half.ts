/**
 * IEEE 754's binary16, which runtimes have arrays of only lately.
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
