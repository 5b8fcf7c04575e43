/**
 * Bytes compared as fast as they can be here.
 *
 * @module
 */

/** Whether two arrays are the same to the bit. */
export function hasSameBytes(a: Float32Array, b: Float32Array): boolean {
  return "Buffer" in globalThis ? hasSameBuffer(a, b) : hasSameWords(a, b);
}

/** As fast as the memory. */
function hasSameBuffer(a: Float32Array, b: Float32Array): boolean {
  const { Buffer } = globalThis;
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/** Without `Buffer`, as in browsers. As numbers, NaN would differ from itself, and 0 be the same as -0. */
export function hasSameWords(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false;
  const words = ({ buffer, byteOffset, length }: Float32Array) =>
    new Int32Array(buffer, byteOffset, length);
  const [ours, others] = [words(a), words(b)];
  for (let index = 0; index < ours.length; index++) if (ours[index] !== others[index]) return false;
  return true;
}
