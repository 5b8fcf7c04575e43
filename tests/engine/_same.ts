/** Whether two arrays hold the same bits, not a number and the sign of zero included. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [bitsOf(a), bitsOf(b)];
  return left.every((bits, index) => bits === right[index]);
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
