import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  columnMajor,
  ELEMENT_TYPES,
  readArray,
  rowMajor,
} from "../../../src/io/arrays/elements.ts";
import { draws } from "../../_depth.ts";

/** The elements one by one, each index by itself. */
function expected(
  values: readonly number[],
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): number[] {
  if (shape.length === 0) return [values[offset] ?? NaN];
  const [size = 0, ...sizes] = shape;
  const [stride = 0, ...others] = strides;
  return Array.from(
    { length: size },
    (_, index) => expected(values, sizes, others, offset + index * stride),
  ).flat();
}

Deno.test("readArray() reads the elements of any strides, in either order of bytes", () => {
  const layouts = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.nat({ max: 9 })), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(
      layouts,
      fc.nat({ max: 5 }),
      fc.boolean(),
      fc.nat({ max: 3 }),
      (axes, offset, little, shift) => {
        const shape = axes.map(([size]) => size);
        const strides = axes.map(([, stride]) => stride);
        const values = Array.from({ length: 5 + 5 * 3 * 9 + 10 }, (_, index) => index * 3 - 100);
        const bytes = new Uint8Array(shift + 4 * values.length);
        const view = new DataView(bytes.buffer);
        values.forEach((value, index) => view.setFloat32(shift + 4 * index, value, little));
        const type = ELEMENT_TYPES.get("f4");
        if (type === undefined) throw new Error("float32 is missing");
        const read = readArray(type, bytes.subarray(shift), little, { shape, strides, offset });
        assertEquals([...read], expected(values, shape, strides, offset));
      },
    ),
    { seed: 62, numRuns: draws(500) },
  );
});

Deno.test("columnMajor() is rowMajor() of the axes reversed", () => {
  assertEquals(rowMajor([2, 3, 4]).strides, [12, 4, 1]);
  assertEquals(columnMajor([4, 3, 2]).strides, [1, 4, 12]);
  assertEquals(rowMajor([]).strides, []);
});
