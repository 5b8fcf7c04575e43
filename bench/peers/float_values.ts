/**
 * The values of an output that must be float32 and in memory.
 *
 * @throws {TypeError} If they are not.
 */
export function floatValues(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new TypeError("The output has no float32 values in memory");
}
