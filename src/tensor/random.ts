import { checkInteger } from "../base/checks.ts";

/** A source of random numbers that are uniform in `[0, 1)`. */
export type Random = () => number;

/**
 * The generator sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, a period of at least 2^32
 * from any seed. Its 32-bit results are scaled to `[0, 1)`.
 *
 * @param where What the seed was given to, for the error message.
 * @param seed A non-negative integer; the same seed gives the same numbers. Without one the seed is
 * drawn from the system.
 * @returns The generator.
 * @throws {TypeError} If the seed is not a number.
 * @throws {RangeError} If the seed is not a non-negative safe integer.
 */
export function createRandom(where: string, seed: number | undefined): Random {
  let a: number, b: number;
  if (seed === undefined) {
    [a = 0, b = 0] = crypto.getRandomValues(new Uint32Array(2));
  } else {
    checkInteger(where, "seed", seed, 0);
    a = seed >>> 0;
    b = Math.floor(seed / 2 ** 32);
  }
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum / 2 ** 32;
  };
  // Mixes the seed into the whole state, as PractRand does.
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** Fills an array with values uniform in `low` to `high`, rounded to float32. */
export function fillUniform<Buffer extends ArrayBufferLike>(
  values: Float32Array<Buffer>,
  low: number,
  high: number,
  random: Random,
): Float32Array<Buffer> {
  for (let index = 0; index < values.length; index++) {
    values[index] = low + (high - low) * random();
  }
  return values;
}

/** Fills an array with values of the standard normal distribution (Box-Muller, in pairs). */
export function fillNormal(values: Float32Array, random: Random): Float32Array {
  for (let index = 0; index < values.length; index += 2) {
    // 1 - u lies in (0, 1], whose logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[index] = radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}
