/** Which WebAssembly proposals the host has, found out by offering it modules of one function each. */

/** The magic number, the version, and a function type from nothing to a vector, used once. */
const PROLOGUE = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
];

/** `i32.const 0`, `i32x4.splat`. */
const VECTOR = [0x41, 0x00, 0xfd, 0x11];

/** `f32x4.add`. */
const ADD = [0xfd, 0xe4, 0x01];

/** `f32x4.relaxed_madd`. */
const RELAXED_MULTIPLY_ADD = [0xfd, 0x85, 0x02];

const END = 0x0b;

/** Whether the host has 128-bit vectors. */
export function hasSimd(): boolean {
  return accepts([...VECTOR, ...VECTOR, ...ADD]);
}

/** Whether the host has relaxed vector operations, of which fused multiply-add is the one that counts. */
export function hasRelaxedSimd(): boolean {
  return accepts([...VECTOR, ...VECTOR, ...VECTOR, ...RELAXED_MULTIPLY_ADD]);
}

function accepts(code: readonly number[]): boolean {
  // A body is its length, the number of its local variables, its code and the end mark.
  const body = [code.length + 2, 0x00, ...code, END];
  const section = [0x0a, body.length + 1, 0x01, ...body];
  return WebAssembly.validate(Uint8Array.from([...PROLOGUE, ...section]));
}
