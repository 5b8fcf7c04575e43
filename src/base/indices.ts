/**
 * Places in a list, by name.
 *
 * @module
 */

/** The index of each of some names. */
export function indicesOf<Name extends string>(
  names: readonly Name[],
): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}
