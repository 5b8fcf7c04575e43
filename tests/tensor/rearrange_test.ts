import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { type SliceRange, Tensor } from "../../mod.ts";
import { draws } from "../_depth.ts";

/** A tensor of different values. */
function counted(shape: readonly number[]): Tensor {
  const tensor = Tensor.zeros(shape);
  tensor.data.forEach((_, index) => tensor.data[index] = index + 1);
  return tensor;
}

/** The value at an index of each axis. */
function at(tensor: Tensor, indices: readonly number[]): number | undefined {
  if (indices.some((index, axis) => index < 0 || index >= (tensor.shape[axis] ?? 0))) {
    return undefined;
  }
  const offset = tensor.shape.reduce((sum, size, axis) => sum * size + (indices[axis] ?? 0), 0);
  return tensor.data[offset];
}

/** Every index of a shape, in row-major order. */
function* indicesOf(shape: readonly number[]): Generator<number[]> {
  const [size, ...rest] = shape;
  if (size === undefined) {
    yield [];
    return;
  }
  for (let i = 0; i < size; i++) for (const inner of indicesOf(rest)) yield [i, ...inner];
}

/** Asserts that a tensor has the shape, and at each index the value, that are expected. */
function assertValues(
  tensor: Tensor,
  shape: readonly number[],
  value: (indices: readonly number[]) => number | undefined,
) {
  assertEquals(tensor.shape, shape);
  assertEquals(Array.from(tensor.data), Array.from(indicesOf(shape), value));
}

const SHAPES = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 })
  // Long rows are copied as blocks.
  .chain((shape) => fc.constantFrom(shape, [...shape, 20]));

function check<Drawn>(cases: fc.Arbitrary<Drawn>, property: (drawn: Drawn) => void) {
  fc.assert(fc.property(cases, property), { numRuns: draws(150) });
}

Deno.test("Tensor.permute() moves every value with its axes, back as well", () => {
  const cases = SHAPES.chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axes: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
      negative: fc.boolean(),
    })
  );
  check(cases, ({ shape, axes, negative }) => {
    const tensor = counted(shape);
    const permuted = tensor.permute(negative ? axes.map((axis) => axis - shape.length) : axes);
    const sizes = axes.map((axis) => shape[axis] ?? 0);
    assertValues(
      permuted,
      sizes,
      (indices) => at(tensor, shape.map((_, axis) => indices[axes.indexOf(axis)] ?? 0)),
    );
    const back = permuted.permute(shape.map((_, axis) => axes.indexOf(axis)));
    assertEquals([back.shape, back.data], [tensor.shape, tensor.data]);
    assert(back.data !== tensor.data && permuted.data !== tensor.data);
  });
});

Deno.test("Tensor.slice() takes what Array.prototype.slice() takes of each axis, every step", () => {
  const bound = fc.option(fc.integer({ min: -7, max: 7 }));
  const range = fc.oneof(
    fc.constant(null),
    fc.tuple(bound, bound, fc.integer({ min: 1, max: 4 })),
    fc.tuple(bound, bound),
    fc.tuple(bound),
    fc.constant([] as const),
  );
  const cases = SHAPES.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.tuple(...shape.map((size) =>
        size === 0 ? range : fc.oneof(range, fc.integer({ min: -size, max: size - 1 }))
      )),
      fc.nat({ max: shape.length }),
    )
  );
  check(cases, ([shape, all, count]) => {
    const tensor = counted(shape);
    const ranges: readonly SliceRange[] = all.slice(0, count);
    const taken = shape.map((size, axis) => {
      const indices = Array.from({ length: size }, (_, index) => index);
      const range = ranges[axis] ?? [];
      if (typeof range === "number") return [indices.at(range) ?? 0];
      const [start, end, step = 1] = range;
      return indices.slice(start ?? 0, end ?? size).filter((_, place) => place % step === 0);
    });
    const kept = shape.map((_, axis) => axis).filter((axis) => typeof ranges[axis] !== "number");
    const result = tensor.slice(ranges);
    assertEquals(result.shape, kept.map((axis) => taken[axis]?.length));
    const values = Array.from(
      indicesOf(taken.map(({ length }) => length)),
      (places) => at(tensor, places.map((place, axis) => taken[axis]?.[place] ?? NaN)),
    );
    assertEquals(Array.from(result.data), values);
  });
});

Deno.test("Tensor.pad() surrounds the last axes, and Tensor.crop() takes that away", () => {
  const margin = fc.integer({ min: 0, max: 3 });
  const cases = SHAPES.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.array(fc.oneof(margin, fc.tuple(margin, margin)), { maxLength: shape.length }),
    )
  );
  check(cases, ([shape, padding]) => {
    const tensor = counted(shape);
    const first = shape.length - padding.length;
    const margins = shape.map((_, axis) => {
      const entry = axis < first ? 0 : padding[axis - first] ?? 0;
      return typeof entry === "number" ? [entry, entry] as const : entry;
    });
    const sizes = shape.map((size, axis) =>
      size + (margins[axis]?.[0] ?? 0) + (margins[axis]?.[1] ?? 0)
    );
    const padded = tensor.pad(padding, { value: -1 });
    assertValues(
      padded,
      sizes,
      (indices) =>
        at(tensor, indices.map((index, axis) => index - (margins[axis]?.[0] ?? 0))) ?? -1,
    );
    const cropped = padded.crop(shape.slice(first), {
      at: margins.slice(first).map(([before]) => before),
    });
    assertEquals([cropped.shape, cropped.data], [tensor.shape, tensor.data]);
  });
  assertEquals(counted([2]).pad([1]).toNested(), [0, 1, 2, 0]);
  assertEquals(counted([2]).pad([[0, 1]], { value: NaN }).toNested(), [1, 2, NaN]);
});

Deno.test("Tensor.crop() takes the middle, of which half an element too much is left behind it", () => {
  assertEquals(counted([5]).crop([2]).toNested(), [2, 3]);
  assertEquals(counted([2, 4]).crop([4]).shape, [2, 4]);
  assertEquals(counted([2, 3, 4]).crop([1, 2]).toNested(), [[[6, 7]], [[18, 19]]]);
  assertEquals(counted([2, 3]).crop([]).toNested(), [[1, 2, 3], [4, 5, 6]]);
  assertEquals(counted([3]).crop([0]).shape, [0]);
  assertEquals(counted([3]).crop([1], { at: [2] }).toNested(), [3]);
});

Deno.test("Tensor.concat() is undone by Tensor.slice()", () => {
  const cases = SHAPES.filter((shape) => shape.length > 0).chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.integer({ min: -shape.length, max: shape.length - 1 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
    )
  );
  check(cases, ([shape, axis, sizes]) => {
    const along = axis < 0 ? shape.length + axis : axis;
    const parts = sizes.map((size, index) => {
      const part = counted(shape.with(along, size));
      part.data.forEach((value, at) => part.data[at] = value + 1000 * index);
      return part;
    });
    const whole = Tensor.concat(parts, axis);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assertEquals(whole.shape, shape.with(along, total));
    let start = 0;
    for (const part of parts) {
      const end = start + (part.shape[along] ?? 0);
      const range = shape.map((_, axis) => axis === along ? [start, end] as const : null);
      const back = whole.slice(range);
      assertEquals([back.shape, back.data], [part.shape, part.data]);
      start = end;
    }
  });
  assertEquals(Tensor.concat([counted([1]), counted([2])]).toNested(), [1, 1, 2]);
});

Deno.test("Tensor.toNested() is what Tensor.from() takes", () => {
  check(SHAPES, (shape) => {
    const tensor = counted(shape);
    const back = Tensor.from(tensor.toNested());
    // Of what is empty inner axes cannot be seen.
    const seen = shape.includes(0) ? shape.slice(0, shape.indexOf(0) + 1) : shape;
    assertEquals([back.shape, back.data], [seen, tensor.data]);
  });
  assertEquals(Tensor.from(5).toNested(), 5);
});

Deno.test("Values in shared memory and in views of larger arrays are read where they lie", () => {
  const shared = new Float32Array(new SharedArrayBuffer(32)).subarray(2, 8);
  shared.set([1, 2, 3, 4, 5, 6]);
  const tensor = new Tensor(shared, [2, 3]);
  assertEquals(tensor.permute([1, 0]).toNested(), [[1, 4], [2, 5], [3, 6]]);
  assertEquals(tensor.slice([1]).toNested(), [4, 5, 6]);
  assertEquals(Tensor.concat([tensor, tensor], 1).slice([0]).toNested(), [1, 2, 3, 1, 2, 3]);
  const copy: Tensor<ArrayBuffer> = Tensor.from(tensor);
  shared.fill(0);
  assertEquals(copy.toNested(), [[1, 2, 3], [4, 5, 6]]);
});

Deno.test("Parts of tensors that there are not are refused, with what was expected and what came", () => {
  const x = counted([2, 3]);
  const call = (name: string, ...args: unknown[]) => () =>
    Reflect.apply(Reflect.get(name === "concat" ? Tensor : x, name), x, args);
  const cases: readonly [() => unknown, typeof Error, string][] = [
    [call("permute", 1), TypeError, "axes must be an array, one entry an axis, but is 1"],
    [call("permute", [0]), RangeError, "name each of the 2 axes of shape [2, 3] once, but are [0]"],
    [call("permute", [0, -2]), RangeError, "once, but are [0, -2]"],
    [call("permute", [0, 1, 1]), RangeError, "once, but are [0, 1, 1]"],
    [call("permute", [0, 2]), RangeError, "axes[1] must be an integer from -2 to 1, but is 2"],
    [call("permute", [0, "1"]), TypeError, 'axes[1] must be a number, but is "1"'],
    [call("permute", [0, NaN]), RangeError, "axes[1] must be an integer from -2 to 1, but is NaN"],
    [call("slice", 0), TypeError, "ranges must be an array, one entry an axis, but is 0"],
    [call("slice", [0, 0, 0]), RangeError, "ranges has 3 entries, but shape [2, 3] only 2 axes"],
    [
      call("slice", [2]),
      RangeError,
      "ranges[0] must be an integer from -2 to 1, for an axis of 2, but is 2",
    ],
    [call("slice", [0.5]), RangeError, "for an axis of 2, but is 0.5"],
    [
      call("slice", ["0"]),
      TypeError,
      'must be an index, [start, end], [start, end, step] or null, but is "0"',
    ],
    [call("slice", [[0, 1, 1, 1]]), TypeError, "or null, but is [0, 1, 1, 1]"],
    [
      call("slice", [[0, 2, 0]]),
      RangeError,
      "ranges[0][2] must be an integer of at least 1, but is 0",
    ],
    [
      call("slice", [[0, 2, -1]]),
      RangeError,
      "ranges[0][2] must be an integer of at least 1, but is -1",
    ],
    [call("slice", [[0, 1.5]]), RangeError, "ranges[0][1] must be an integer"],
    [call("slice", [["a"]]), TypeError, 'ranges[0][0] must be a number, but is "a"'],
    [call("pad", 1), TypeError, "padding must be an array, one entry an axis, but is 1"],
    [call("pad", [1, 1, 1]), RangeError, "padding has 3 entries, but shape [2, 3] only 2 axes"],
    [call("pad", [-1]), RangeError, "padding[0] must be an integer of at least 0, but is -1"],
    [call("pad", [[1]]), TypeError, "padding[0] must be a number or [before, after], but is [1]"],
    [call("pad", [[1, "1"]]), TypeError, 'padding[0][1] must be a number, but is "1"'],
    [call("pad", [1], { value: "0" }), TypeError, 'value must be a number, but is "0"'],
    [call("pad", [1], { mode: "reflect" }), TypeError, 'unknown option "mode"'],
    [call("pad", [2 ** 40, 2 ** 40]), RangeError, "one array can hold"],
    [call("crop", 2), TypeError, "size must be an array, one entry an axis, but is 2"],
    [call("crop", [1, 1, 1]), RangeError, "size has 3 entries, but shape [2, 3] only 2 axes"],
    [call("crop", [4]), RangeError, "size[0] is 4, but axis 1 has 3 (shape [2, 3])"],
    [call("crop", [2], { at: [2] }), RangeError, "size[0] is 2 from 2 on, but axis 1 has 3"],
    [call("crop", [2], { at: [] }), RangeError, "at must have 1 entries as size has, but is []"],
    [call("crop", [2], { at: 1 }), TypeError, "at must be an array, one entry an axis, but is 1"],
    [call("crop", [2], { at: [-1] }), RangeError, "at[0] must be an integer of at least 0"],
    [call("crop", [2], { from: [1] }), TypeError, 'unknown option "from"'],
    [
      call("concat", x),
      TypeError,
      "tensors must be an array of tensors, but is a value of type Tensor",
    ],
    [call("concat", []), RangeError, "tensors must be at least one, but is []"],
    [call("concat", [x, [1]]), TypeError, "tensors[1] must be a Tensor, but is [1]"],
    [call("concat", [x], 2), RangeError, "axis must be an integer from -2 to 1, but is 2"],
    [call("concat", [x], "0"), TypeError, 'axis must be a number, but is "0"'],
    [
      call("concat", [Tensor.from(1)]),
      RangeError,
      "axis is 0, but a tensor of shape [] has no axes",
    ],
    [
      call("concat", [x, counted([2, 4])]),
      RangeError,
      "tensors[1] must have the shape of tensors[0], [2, 3], but for axis 0, but has [2, 4]",
    ],
    [call("concat", [x, counted([2])]), RangeError, "but has [2]"],
  ];
  for (const [act, kind, message] of cases) assertThrows(act, kind, message);
});

Deno.test("A tensor that has lost its values says so, whatever is asked of it", () => {
  const lost = Tensor.zeros([1, 2, 3]);
  structuredClone(0, { transfer: [lost.data.buffer] });
  const asks: readonly [string, () => unknown][] = [
    ["permute", () => lost.permute([2, 1, 0])],
    ["slice", () => lost.slice([0])],
    ["pad", () => lost.pad([1])],
    ["crop", () => lost.crop([1])],
    ["toNested", () => lost.toNested()],
    ["toImageData", () => lost.toImageData()],
    ["from", () => Tensor.from(lost)],
    ["concat", () => Tensor.concat([lost])],
  ];
  for (const [name, ask] of asks) {
    const message = `Tensor.${name}(): the tensor of shape [1, 2, 3] has lost its values`;
    assertThrows(ask, TypeError, message);
  }
});
