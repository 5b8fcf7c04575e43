import { bfloatBits, halfBits } from "../../base/half.ts";

/**
 * How the values of a file are stored. `"float16"` has 11 significant bits up to 65504, `"bfloat16"` 8 in the range
 * of float32; both round to the nearest and halve the file.
 */
export type FloatType = "float32" | "float16" | "bfloat16";

/** The types in which values are written, by their bytes. */
export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
};

/** The names of the types. */
export const FLOAT_TYPES: readonly FloatType[] = ["float32", "float16", "bfloat16"];

/**
 * The bytes of values as files have them, the lowest byte of each first. So have all hosts that run WebAssembly as
 * it lies in memory.
 */
export function encodeFloats(type: FloatType, values: Float32Array): Uint8Array {
  // The values may lie in shared memory, and at any address.
  if (type === "float32") return new Uint8Array(new Float32Array(values).buffer);
  const bitsOf = type === "float16" ? halfBits : bfloatBits;
  const bits = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) bits[index] = bitsOf(values[index] ?? 0);
  return new Uint8Array(bits.buffer);
}
