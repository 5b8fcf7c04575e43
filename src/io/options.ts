import { checkOptionNames, describe } from "../base/checks.ts";

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
