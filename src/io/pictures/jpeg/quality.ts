import { BLOCK } from "./frame.ts";

/** What coefficients of brightness are divided by at quality 50 (T.81, table K.1). */
// deno-fmt-ignore
const BRIGHTNESS = [
  16, 11, 10, 16, 24, 40, 51, 61,
  12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77,
  24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** The same of colours (table K.2). */
// deno-fmt-ignore
const COLOR = [
  17, 18, 24, 47, 99, 99, 99, 99,
  18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
];

/** The tables of a quality from 1 to 100, by the scale that everybody uses: at 100 nothing is divided. */
export function tablesOf(quality: number): readonly [brightness: Uint8Array, color: Uint8Array] {
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const scaled = (base: readonly number[]) =>
    Uint8Array.from({ length: BLOCK }, (_, index) => {
      const value = Math.floor(((base[index] ?? 0) * percent + 50) / 100);
      return Math.min(Math.max(value, 1), 255);
    });
  return [scaled(BRIGHTNESS), scaled(COLOR)];
}
