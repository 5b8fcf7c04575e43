/**
 * Which WebAssembly instructions the host has, found out by offering it modules of one function each.
 *
 * @module
 */

/** Says whether a module is valid: a host takes no module that has what it does not know. */
export type Validate = (module: Uint8Array<ArrayBuffer>) => boolean;

/** That of the host; one that runs without any compiler may have no WebAssembly at all. */
const validateHere: Validate = (module) =>
  typeof WebAssembly !== "undefined" && WebAssembly.validate(module);

/** The magic number, the version, and a function from nothing to an `i32`, exported without a name. */
const PROLOGUE = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x04, 0x01, 0x00, 0x00, 0x00],
];

/** `f32.const`, `f32x4.splat`: `1 + 2 ** -12`. */
const FACTOR = [0x43, 0x00, 0x08, 0x80, 0x3f, 0xfd, 0x13];

/** `-(1 + 2 ** -11)`: minus the square of that, but for its last bit. */
const SUM = [0x43, 0x00, 0x10, 0x80, 0xbf, 0xfd, 0x13];

/** `f32x4.add`. */
const ADD = [0xfd, 0xe4, 0x01];

/** `f32x4.relaxed_madd`. */
const RELAXED_MULTIPLY_ADD = [0xfd, 0x85, 0x02];

/** `v128.any_true`. */
const IS_ANYTHING = [0xfd, 0x53];

const END = 0x0b;

const SIMD_MODULE = moduleOf([...FACTOR, ...SUM, ...ADD, ...IS_ANYTHING]);

const RELAXED_MODULE = moduleOf([
  ...[...FACTOR, ...FACTOR, ...SUM],
  ...RELAXED_MULTIPLY_ADD,
  ...IS_ANYTHING,
]);

/** Whether there are 128-bit vectors. */
export function hasSimd(validate: Validate = validateHere): boolean {
  return validate(SIMD_MODULE);
}

/** Whether there are relaxed vector operations, of which multiply-add is the one that counts. */
export function hasRelaxedSimd(validate: Validate = validateHere): boolean {
  return validate(RELAXED_MODULE);
}

/** Whether that rounds once: on processors without such an instruction it may round twice. */
export function fusesMultiplyAdd(validate: Validate = validateHere): boolean {
  if (!hasRelaxedSimd(validate)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(RELAXED_MODULE));
  const call = exports[""] as () => number;
  return call() === 1;
}

function moduleOf(code: readonly number[]): Uint8Array<ArrayBuffer> {
  // A body is its length, the number of its local variables, its code and the end mark.
  const body = [code.length + 2, 0x00, ...code, END];
  const section = [0x0a, body.length + 1, 0x01, ...body];
  return Uint8Array.from([...PROLOGUE, ...section]);
}
