import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as fc from "fast-check";
import { Tensor } from "../../src/tensor/tensor.ts";
import { draws } from "../_depth.ts";

Deno.test("Tensor keeps a Float32Array without a copy", () => {
  const values = new Float32Array([1, 2, 3, 4, 5, 6]);
  const tensor = new Tensor(values, [2, 3]);
  assertStrictEquals(tensor.data, values);
  assertEquals(tensor.shape, [2, 3]);
  assertEquals(tensor.size, 6);
});

Deno.test("Tensor keeps a Float32Array in shared memory", () => {
  const values = new Float32Array(new SharedArrayBuffer(8));
  assertStrictEquals(new Tensor(values, [2]).data, values);
});

Deno.test("Tensor converts other arrays of numbers to float32", () => {
  for (const data of [[1, 2.5], new Float64Array([1, 2.5]), new Float32Array([1, 2.5])]) {
    assertEquals(new Tensor(data, [2]).data, new Float32Array([1, 2.5]));
  }
  assertEquals(new Tensor(new Uint8Array([1, 255]), [2]).data, new Float32Array([1, 255]));
});

Deno.test("Tensor copies and freezes its shape", () => {
  const shape = [1, 2];
  const tensor = new Tensor([1, 2], shape);
  shape[0] = 7;
  assertEquals(tensor.shape, [1, 2]);
  assert(Object.isFrozen(tensor.shape));
});

Deno.test("Tensor holds one number in an empty shape and none along an empty axis", () => {
  assertEquals(new Tensor([5], []).size, 1);
  assertEquals(Tensor.zeros([3, 0, 2]).size, 0);
  assertEquals(Tensor.zeros([3, 0, 2]).data.length, 0);
});

Deno.test("Tensor says what is wrong with its data", () => {
  assertThrows(
    () => new Tensor([1, 2], [3]),
    RangeError,
    "Tensor: shape [3] takes 3 values, but data has 2",
  );
  assertThrows(
    () => new Tensor([1, "2"] as unknown as number[], [2]),
    TypeError,
    'Tensor: data[1] must be a number, but is "2"',
  );
  for (
    const data of [
      5,
      null,
      "12",
      {},
      new BigInt64Array(1),
      new DataView(new ArrayBuffer(4)),
    ] as unknown[]
  ) {
    assertThrows(
      () => new Tensor(data as number[], [1]),
      TypeError,
      "Tensor: data must be a Float32Array or another array of numbers, but is",
    );
  }
});

Deno.test("Tensor says what is wrong with its shape", () => {
  assertThrows(
    () => new Tensor([1], 1 as unknown as number[]),
    TypeError,
    "Tensor: shape must be an array of sizes such as [1, 3, 8, 8], but is 1",
  );
  assertThrows(
    () => new Tensor([1], [1, "1"] as unknown as number[]),
    TypeError,
    'Tensor: shape[1] must be a number, but is "1"',
  );
  for (const size of [-1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => Tensor.zeros([2, size]),
      RangeError,
      `Tensor.zeros(): shape[1] must be an integer of at least 0, but is ${size}`,
    );
  }
  assertThrows(
    () => Tensor.zeros([2, 2 ** 53]),
    RangeError,
    "Tensor.zeros(): shape[1] must be at most 9007199254740991, but is 9007199254740992",
  );
});

Deno.test("Tensor refuses a shape that no array can hold and names the bytes", () => {
  assertThrows(
    () => Tensor.zeros([2 ** 20, 2 ** 18]),
    RangeError,
    "a tensor of shape [1048576, 262144] would take 1.00 TiB",
  );
  assertThrows(() => Tensor.zeros(new Array(40).fill(2 ** 53 - 1)), RangeError, "would take");
});

Deno.test("Tensor.full() and Tensor.ones() fill every value", () => {
  assertEquals([...Tensor.full([2, 2], -1.5).data], [-1.5, -1.5, -1.5, -1.5]);
  assertEquals([...Tensor.ones([3]).data], [1, 1, 1]);
  assertThrows(() => Tensor.full([1], "1" as unknown as number), TypeError, "value must be");
});

Deno.test("Tensor.from() takes the shape of nested arrays", () => {
  const tensor = Tensor.from([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]);
  assertEquals(tensor.shape, [2, 2, 2]);
  assertEquals([...tensor.data], [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(Tensor.from(3).shape, []);
  assertEquals(Tensor.from([]).shape, [0]);
  assertEquals(Tensor.from([[], []]).shape, [2, 0]);
});

Deno.test("Tensor.from() says where nested arrays differ", () => {
  assertThrows(
    () => Tensor.from([[1, 2], [3]]),
    RangeError,
    "Tensor.from(): nested[1] must be an array of 2 like those before it, but is an array of 1",
  );
  assertThrows(
    () => Tensor.from([[1, 2], 3]),
    RangeError,
    "Tensor.from(): nested[1] must be an array of 2 like those before it, but is a number",
  );
  assertThrows(
    () => Tensor.from([[1, [2]]]),
    RangeError,
    "Tensor.from(): nested[0][1] must be a number like those before it, but is an array of 1",
  );
  assertThrows(
    () => Tensor.from([[1, "2"]] as unknown as number[][]),
    TypeError,
    'Tensor.from(): nested[0][1] must be a number or an array, but is "2"',
  );
});

Deno.test("Tensor.reshape() shares the data", () => {
  const tensor = Tensor.randn([2, 3, 4], { seed: 0 });
  const reshaped = tensor.reshape([4, 6]);
  assertEquals(reshaped.shape, [4, 6]);
  assertStrictEquals(reshaped.data, tensor.data);
});

Deno.test("Tensor.reshape() works out one axis", () => {
  assertEquals(Tensor.zeros([2, 3, 4]).reshape([-1]).shape, [24]);
  assertEquals(Tensor.zeros([2, 3, 4]).reshape([4, -1, 2]).shape, [4, 3, 2]);
  assertEquals(Tensor.zeros([0, 4]).reshape([-1, 4]).shape, [0, 4]);
  assertEquals(Tensor.from(1).reshape([-1]).shape, [1]);
});

Deno.test("Tensor.reshape() refuses what does not hold as many values", () => {
  const tensor = Tensor.zeros([2, 3]);
  assertThrows(
    () => tensor.reshape([4, 2]),
    RangeError,
    "Tensor.reshape(): shape [4, 2] does not hold the 6 values of shape [2, 3]",
  );
  assertThrows(() => tensor.reshape([4, -1]), RangeError, "does not hold the 6 values");
  assertThrows(() => tensor.reshape([-1, -1]), RangeError, "shape[1] must be an integer");
  assertThrows(() => tensor.reshape([-2, 3]), RangeError, "shape[0] must be an integer");
  assertThrows(() => Tensor.zeros([0]).reshape([0, -1]), RangeError, "does not hold the 0 values");
  assertThrows(() => tensor.reshape("6" as unknown as number[]), TypeError, "shape must be");
});

Deno.test("Tensor.randn() gives the same values for the same seed only", () => {
  const data = (seed?: number) => Tensor.randn([50], seed === undefined ? {} : { seed }).data;
  assertEquals(data(7), data(7));
  assertNotEquals(data(7), data(8));
  assertNotEquals(data(7), data(7 + 2 ** 32));
  assertNotEquals(data(), data());
});

Deno.test("Tensor.randn() draws from the standard normal distribution", () => {
  const { data } = Tensor.randn([100_001], { seed: 3 });
  const moment = (power: number) =>
    data.reduce((sum, value) => sum + value ** power, 0) / data.length;
  // Within five standard errors of the moments of the distribution: 0, 1, 0, 3.
  const error = 5 / Math.sqrt(data.length);
  assert(Math.abs(moment(1)) < error);
  assert(Math.abs(moment(2) - 1) < error * Math.sqrt(2));
  assert(Math.abs(moment(3)) < error * Math.sqrt(15));
  assert(Math.abs(moment(4) - 3) < error * Math.sqrt(96));
});

Deno.test("Tensor.uniform() draws between its bounds", () => {
  const { data } = Tensor.uniform([100_000], { low: -3, high: 5, seed: 1 });
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  assert(Math.abs(mean - 1) < 0.05);
  assert(Math.min(...data.subarray(0, 50_000)) < -2.99);
  assert(Math.max(...data.subarray(0, 50_000)) > 4.99);
  assert(data.every((value) => value >= -3 && value <= 5));
  assert(Tensor.uniform([1000]).data.every((value) => value >= 0 && value <= 1));
});

Deno.test("Tensor.uniform() and Tensor.randn() refuse bad options", () => {
  assertThrows(
    () => Tensor.uniform([1], { hihg: 1 } as never),
    TypeError,
    'Tensor.uniform(): unknown option "hihg", did you mean "high"? (valid options: low, high, seed)',
  );
  assertThrows(() => Tensor.uniform([1], { low: 2, high: 1 }), RangeError, "low <= high");
  assertThrows(() => Tensor.uniform([1], { low: NaN }), RangeError, "must be finite");
  assertThrows(() => Tensor.randn([1], { seed: -1 }), RangeError, "seed must be an integer");
  assertThrows(() => Tensor.randn([1], { seed: 0.5 }), RangeError, "seed must be an integer");
  assertThrows(() => Tensor.randn([1], { seed: "0" } as never), TypeError, "seed must be a number");
  assertThrows(() => Tensor.randn([1], 5 as never), TypeError, "options must be an object");
});

Deno.test("Tensor.from() undoes nesting of any shape", () => {
  const nest = (values: number[], shape: readonly number[]): unknown =>
    shape.length === 0 ? values[0] : Array.from({ length: shape[0] ?? 0 }, (_, index) => {
      const step = values.length / (shape[0] ?? 1);
      return nest(values.slice(index * step, (index + 1) * step), shape.slice(1));
    });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }), (shape) => {
      const values = [...Tensor.randn(shape, { seed: 5 }).data];
      const tensor = Tensor.from(nest(values, shape) as number);
      assertEquals(tensor.shape, shape);
      assertEquals([...tensor.data], values);
    }),
    { seed: 42, numRuns: draws(100) },
  );
});

Deno.test("Deno.inspect() shows a tensor's shape and values", () => {
  assertEquals(
    Deno.inspect(Tensor.from([[[1, 2], [-3, 4]], [[5, 6], [7, 8]]])),
    "Tensor [2, 2, 2]\n[[[ 1,  2],\n  [-3,  4]],\n\n [[ 5,  6],\n  [ 7,  8]]]",
  );
  assertEquals(Deno.inspect(Tensor.from([0.5, -1])), "Tensor [2]\n[ 0.5000, -1.0000]");
  assertEquals(
    Deno.inspect(Tensor.from([NaN, Infinity, 1e-9])),
    "Tensor [3]\n[      NaN,  Infinity, 1.0000e-9]",
  );
  assertEquals(Deno.inspect(Tensor.from(3)), "Tensor []\n3");
  assertEquals(Deno.inspect(Tensor.zeros([0, 2])), "Tensor [0, 2]");
});

Deno.test("Deno.inspect() leaves out the middle of a large tensor", () => {
  const text = Deno.inspect(
    new Tensor(Float32Array.from({ length: 2000 }, (_, i) => i), [2, 1000]),
  );
  assertEquals(
    text,
    "Tensor [2, 1000]\n" +
      "[[   0,    1,    2, ...,  997,  998,  999],\n" +
      " [1000, 1001, 1002, ..., 1997, 1998, 1999]]",
  );
  assert(Deno.inspect(Tensor.ones([50])).split("\n").every((line) => line.length <= 80));
});
