/**
 * Which WebAssembly proposals the host has, found out by offering it modules of one function each.
 *
 * @module
 */

/** Says whether a module is valid: a host takes no module that has what it does not know. */
export type Validate = (module: Uint8Array<ArrayBuffer>) => boolean;

/** That of the host; one that runs without any compiler may have no WebAssembly at all. */
const validateHere: Validate = (module) =>
  typeof WebAssembly !== "undefined" && WebAssembly.validate(module);

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

/** Whether there are 128-bit vectors. */
export function hasSimd(validate: Validate = validateHere): boolean {
  return validate(moduleOf([...VECTOR, ...VECTOR, ...ADD]));
}

/** Whether there are relaxed vector operations, of which fused multiply-add is the one that counts. */
export function hasRelaxedSimd(validate: Validate = validateHere): boolean {
  return validate(moduleOf([...VECTOR, ...VECTOR, ...VECTOR, ...RELAXED_MULTIPLY_ADD]));
}

function moduleOf(code: readonly number[]): Uint8Array<ArrayBuffer> {
  // A body is its length, the number of its local variables, its code and the end mark.
  const body = [code.length + 2, 0x00, ...code, END];
  const section = [0x0a, body.length + 1, 0x01, ...body];
  return Uint8Array.from([...PROLOGUE, ...section]);
}
