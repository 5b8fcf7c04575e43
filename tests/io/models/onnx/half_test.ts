import { assertEquals } from "@std/assert";
import { widenBfloats, widenHalves } from "../../../../src/io/models/onnx/half.ts";

/** The value of a float with so many bits of exponent and fraction, by its definition. */
function valueOf(bits: number, exponentBits: number, fractionBits: number): number {
  const fraction = bits % 2 ** fractionBits / 2 ** fractionBits;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const sign = bits < 0x8000 ? 1 : -1;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  if (exponent < 2 ** exponentBits - 1) return sign * (1 + fraction) * 2 ** (exponent - bias);
  return fraction === 0 ? sign * Infinity : NaN;
}

const WIDENERS = [
  { widen: widenHalves, exponentBits: 5, fractionBits: 10 },
  { widen: widenBfloats, exponentBits: 8, fractionBits: 7 },
];

for (const { widen, exponentBits, fractionBits } of WIDENERS) {
  Deno.test(`${widen.name}() reads every float of 16 bits`, () => {
    const values = new Float32Array(2 ** 16);
    widen((index) => index, values);
    const wrong = values.findIndex((value, bits) =>
      !Object.is(value, valueOf(bits, exponentBits, fractionBits))
    );
    assertEquals(wrong, -1);
  });
}
