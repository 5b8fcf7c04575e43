import * as fc from "fast-check";

/** A change of some bytes. */
export interface Change {
  readonly kind: "set" | "flip" | "drop" | "repeat" | "cut" | "insert";
  /** Where, as a part of the whole. */
  readonly place: number;
  /** How many bytes it is about, or which bit. */
  readonly count: number;
  readonly byte: number;
}

/** Changes as accidents and attackers make them: telling bytes, bits, and parts that are gone or there twice. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    // What changes no length leads further in.
    kind: fc.constantFrom("set", "set", "set", "flip", "flip", "drop", "repeat", "cut", "insert"),
    place: fc.nat({ max: 9999 }).map((place) => place / 10_000),
    count: fc.integer({ min: 1, max: 40 }),
    byte: fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.integer({ min: 0, max: 255 })),
  }),
  { minLength: 1, maxLength: 3 },
);

/** The bytes after these changes. */
export function change(bytes: Uint8Array, list: readonly Change[]): Uint8Array {
  let result = Array.from(bytes);
  for (const { kind, place, count, byte } of list) {
    if (result.length === 0) break;
    const at = Math.floor(place * result.length);
    const part = result.slice(at, at + count);
    if (kind === "set") result = result.with(at, byte);
    else if (kind === "flip") result = result.with(at, (result[at] ?? 0) ^ 1 << count % 8);
    else if (kind === "drop") result.splice(at, count);
    else if (kind === "repeat") result.splice(at, 0, ...part);
    else if (kind === "cut") result.length = at;
    else result.splice(at, 0, ...new Array(count).fill(byte));
  }
  return Uint8Array.from(result);
}
