import { checkOptionNames, describe } from "../base/checks.ts";
import type { AnyTensor } from "../tensor/tensor.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Checks an option that bounds what is made of a file.
 *
 * @param where The caller's name.
 * @param options What the user gave.
 * @param name The option's name; there is no other.
 * @returns Its value.
 * @throws {TypeError} If it is not a number, or there is another option.
 * @throws {RangeError} If it is not positive.
 */
export function checkBound<Name extends string>(
  where: string,
  options: Readonly<Partial<Record<Name, number>>>,
  name: Name,
): number | undefined {
  checkOptionNames(where, options, [name]);
  const value: unknown = options[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number") {
    throw new TypeError(`${where}: ${name} must be a number, but is ${describe(value)}`);
  }
  if (!(value >= 1)) throw new RangeError(`${where}: ${name} must be at least 1, but is ${value}`);
  return value;
}

/**
 * Checks the bytes of a file.
 *
 * @param where The caller's name.
 * @param bytes What the user gave.
 * @returns The same bytes as a plain array: the methods of Node.js's buffers do other things.
 * @throws {TypeError} If they are not bytes.
 */
export function checkBytes(where: string, bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  const hint = bytes instanceof ArrayBuffer ? "; new Uint8Array(buffer) is one" : "";
  throw new TypeError(`${where}: bytes must be a Uint8Array, but are ${describe(bytes)}${hint}`);
}

/**
 * Checks a tensor that is to be written.
 *
 * @param where The caller's name.
 * @param what The tensor's.
 * @param value What the user gave.
 * @throws {TypeError} If it is none.
 */
export function checkTensor(where: string, what: string, value: unknown): AnyTensor {
  if (value instanceof Tensor) return value;
  throw new TypeError(`${where}: ${what} must be a tensor, but is ${describe(value)}`);
}
