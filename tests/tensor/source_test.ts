import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Tensor } from "../../mod.ts";
import { draws } from "../_depth.ts";

const from = (...args: unknown[]): Tensor => Reflect.apply(Tensor.from, Tensor, args);

/** A tensor of different values. */
function counted(shape: readonly number[]): Tensor {
  const tensor = Tensor.zeros(shape);
  tensor.data.forEach((_, index) => tensor.data[index] = index + 1);
  return tensor;
}

/** The letters of axes, in the order in which they lie here. */
const KINDS = ["NCDHW", "CDHW", "NCHW", "CHW", "NCL", "CL", "NC", "OIDHW", "OIHW", "OIL", "OI"];

Deno.test("Tensor.from() brings axes of any order into this library's", () => {
  const cases = fc.constantFrom(...KINDS).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      layout: fc.shuffledSubarray([...kind], { minLength: kind.length }),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), {
        minLength: kind.length,
        maxLength: kind.length,
      }),
    })
  );
  fc.assert(
    fc.property(cases, ({ kind, layout, shape }) => {
      const expected = counted(shape);
      const given = expected.permute(layout.map((letter) => kind.indexOf(letter)));
      const tensor = Tensor.from(given, { layout: layout.join("") });
      assertEquals([tensor.shape, tensor.data], [expected.shape, expected.data]);
    }),
    { numRuns: draws(150) },
  );
});

Deno.test("Tensor.from() makes one axis of the outputs of depthwise weights", () => {
  // H W I M
  const weight = Tensor.from([[[[1, 2], [3, 4], [5, 6]]]], { layout: "HWIM" });
  assertEquals(weight.shape, [6, 1, 1, 1]);
  assertEquals(Array.from(weight.data), [1, 2, 3, 4, 5, 6]);
  assertEquals(Tensor.from(counted([5, 3, 2]), { layout: "LIM" }).shape, [6, 1, 5]);
  assertEquals(Tensor.from(counted([2, 5, 3]), { layout: "MLI" }).shape, [6, 1, 5]);
});

Deno.test("Tensor.from() says what is wrong with a layout", () => {
  const x = counted([1, 2, 3, 4]);
  for (const layout of ["", "NHW", "NHWX", "NHHC", "nhwc", "OHWN", "NCHWO", "OHW", "IHW", "IOM"]) {
    assertThrows(
      () => Tensor.from(x, { layout }),
      RangeError,
      `"HWIO", but is ${JSON.stringify(layout)}`,
    );
  }
  assertThrows(
    () => Tensor.from(x, { layout: "HWC" }),
    RangeError,
    'Tensor.from(): layout "HWC" has 3 axes, but the shape is [1, 2, 3, 4]',
  );
  for (const layout of [1, null, ["N"]]) {
    assertThrows(() => from(x, { layout }), TypeError, 'layout must be a string such as "NHWC"');
  }
  assertThrows(() => from(x, { order: "NHWC" }), TypeError, 'unknown option "order"');
  assertThrows(() => from(x, "NHWC"), TypeError, 'options must be an object, but are "NHWC"');
});

Deno.test("Tensor.from() takes ImageData as channels of values from 0 to 1, and toImageData() gives it back", () => {
  const data = Uint8ClampedArray.from({ length: 6 * 5 * 4 }, (_, index) => index * 37 % 256);
  const picture = new ImageData(data, 6, 5);
  for (const layout of [undefined, "HWC"]) {
    const tensor = Tensor.from(picture, layout === undefined ? {} : { layout });
    assertEquals(tensor.shape, [4, 5, 6]);
    for (let channel = 0; channel < 4; channel++) {
      for (let pixel = 0; pixel < 30; pixel++) {
        const value = (data[pixel * 4 + channel] ?? 0) / 255;
        assertEquals(tensor.data[channel * 30 + pixel], Math.fround(value));
      }
    }
    const back = tensor.toImageData();
    assert(back instanceof ImageData);
    assertEquals([back.width, back.height, back.data], [6, 5, data]);
  }
  assertThrows(
    () => Tensor.from(picture, { layout: "CHW" }),
    RangeError,
    'Tensor.from(): the layout of a picture is "HWC", but the option is "CHW"',
  );
  const halves = new ImageData(new Float16Array([0, 0.5, 1, 2]), 1, 1, {
    pixelFormat: "rgba-float16",
  });
  assertEquals(Array.from(Tensor.from(halves).data), [0, 0.5, 1, 2]);
});

Deno.test("Tensor.from() takes what readers of pictures give, with as many channels as there are", () => {
  const grey = { width: 2, height: 1, data: new Uint8Array([0, 255]) };
  assertEquals(Tensor.from(grey).toNested(), [[[0, 1]]]);
  const deep = { width: 1, height: 1, data: new Uint16Array([65535, 0, 13107]) };
  assertEquals(Tensor.from(deep).toNested(), [[[1]], [[0]], [[Math.fround(0.2)]]]);
  const floats = { width: 1, height: 1, data: new Float32Array([0.25, 2]) };
  assertEquals(Tensor.from(floats).toNested(), [[[0.25]], [[2]]]);
});

Deno.test("Tensor.toImageData() makes pictures of 1 to 4 channels", () => {
  const bytes = (...channels: number[]) =>
    Array.from(new Tensor(channels, [channels.length, 1, 1]).toImageData().data);
  assertEquals(bytes(0.2), [51, 51, 51, 255]);
  assertEquals(bytes(0.2, 0.4), [51, 51, 51, 102]);
  assertEquals(bytes(0.2, 0.4, 0.6), [51, 102, 153, 255]);
  assertEquals(bytes(0.2, 0.4, 0.6, 0.8), [51, 102, 153, 204]);
  assertEquals(bytes(-1, 2, NaN), [0, 255, 0, 255]);
  assertEquals(bytes(Infinity, -Infinity, 0.9999), [255, 0, 255, 255]);
  for (const shape of [[], [2], [1, 1], [5, 1, 1], [0, 1, 1], [3, 0, 1], [3, 1, 0], [1, 3, 1, 1]]) {
    assertThrows(
      () => Tensor.zeros(shape).toImageData(),
      RangeError,
      `(C, H, W) with 1 to 4 channels, but this is [${shape.join(", ")}]`,
    );
  }
});

Deno.test("Tensor.toImageData() does without ImageData where there is none", () => {
  const real = globalThis.ImageData;
  try {
    Reflect.deleteProperty(globalThis, "ImageData");
    const { width, height, data, colorSpace } = Tensor.from([[[1, 0]]]).toImageData();
    assertEquals([width, height, [...data], colorSpace], [
      2,
      1,
      [255, 255, 255, 255, 0, 0, 0, 255],
      "srgb",
    ]);
  } finally {
    globalThis.ImageData = real;
  }
});

Deno.test("Tensor.from() takes typed arrays as innermost rows", () => {
  assertEquals(Tensor.from(new Uint8Array([1, 2])).toNested(), [1, 2]);
  const channels = [new Float32Array([1, 2, 3]), new Float32Array([4, 5, 6])];
  assertEquals(Tensor.from(channels).toNested(), [[1, 2, 3], [4, 5, 6]]);
  assertEquals(Tensor.from([new Float64Array(0)]).shape, [1, 0]);
  assertThrows(
    () => Tensor.from([new Float32Array(2), [1, 2, 3]]),
    RangeError,
    "nested[1] must be an array of 2 like those before it, but is an array of 3",
  );
});

Deno.test("Tensor.from() takes back what JSON.stringify() wrote", () => {
  const tensor = counted([2, 1, 3]);
  const back = Tensor.from(JSON.parse(JSON.stringify(tensor)));
  assertEquals([back.shape, back.data], [tensor.shape, tensor.data]);
  const gone = JSON.stringify(Tensor.from([1, NaN]));
  assertThrows(() => from(JSON.parse(gone)), TypeError, "data[1] must be a number, but is null");
});

Deno.test("Tensor.from() copies: what is given can be changed", () => {
  const data = new Float32Array([1, 2]);
  for (const given of [{ dims: [2], data }, new Tensor(data, [2]), data]) {
    data.set([1, 2]);
    const tensor = from(given);
    data.fill(0);
    assertEquals(tensor.toNested(), [1, 2]);
  }
});

Deno.test("Tensor.from() takes strides that repeat values or none", () => {
  const data = new Float32Array([1, 2, 3]);
  const strided = (shape: number[], stride: number[], offset = 0) =>
    Tensor.from({ data, shape, stride, offset }).toNested();
  assertEquals(strided([2, 3], [0, 1]), [[1, 2, 3], [1, 2, 3]]);
  assertEquals(strided([2, 2], [1, 1]), [[1, 2], [2, 3]]);
  assertEquals(strided([3], [-1], 2), [3, 2, 1]);
  assertEquals(strided([1], [2 ** 52], 2), [3]);
  assertEquals(strided([0], [2 ** 52], 99), []);
  assertEquals(Tensor.from({ data, shape: [2], strides: [2] }).toNested(), [1, 3]);
  assertEquals(Tensor.from({ data, shape: [2], offset: 1 }).toNested(), [2, 3]);
  const columns = { data: [0, 1, 2, 3, 4], shape: [2, 2], offset: 1, fortranOrder: true };
  assertEquals(Tensor.from(columns).toNested(), [[1, 3], [2, 4]]);
});

Deno.test("Tensor.from() reads what an array has, whatever a subclass says of it", () => {
  class Boastful extends Uint8Array {
    override get length() {
      return 1e9;
    }
  }
  const data = new Boastful([255, 0]);
  assertEquals(Tensor.from({ shape: [2], data }).toNested(), [255, 0]);
  assertEquals(Tensor.from({ width: 2, height: 1, data }).toNested(), [[[1, 0]]]);
  assertThrows(() => Tensor.from({ shape: [4], data, stride: [1] }), RangeError, "the data has 2");
  const grown = new ArrayBuffer(4, { maxByteLength: 8 });
  const floats = new Float32Array(grown);
  grown.resize(8);
  assertEquals(Tensor.from({ shape: [2], data: floats }).toNested(), [0, 0]);
});

Deno.test("Tensor.from() says what is wrong with what is given", () => {
  const data = new Float32Array(6);
  const lost = new Float32Array(6);
  structuredClone(0, { transfer: [lost.buffer] });
  const endless: unknown[] = [];
  endless.push(endless);
  const cases: readonly [unknown, typeof Error, string][] = [
    [undefined, TypeError, "nested must be a number or an array, but is undefined"],
    [null, TypeError, "nested must be a number or an array, but is null"],
    ["1", TypeError, 'nested must be a number or an array, but is "1"'],
    [1n, TypeError, "nested must be a number or an array, but is 1n"],
    [[1, 2n], TypeError, "nested[1] must be a number or an array, but is 2n"],
    [Array(2), TypeError, "nested[0] must be a number or an array, but is undefined"],
    [[[1], null], TypeError, "nested[1] must be a number or an array, but is null"],
    [endless, RangeError, "the arrays are nested more than 64 deep"],
    [new BigInt64Array(1), TypeError, "but is a value of type BigInt64Array"],
    [new DataView(new ArrayBuffer(4)), TypeError, "but is a value of type DataView"],
    [{}, TypeError, "must have shape or dims, or width and height, and data, but is an object"],
    [new Map(), TypeError, "but is a value of type Map"],
    [{ data }, TypeError, "must have shape or dims"],
    [{ shape: [6] }, TypeError, "must have shape or dims"],
    [{ shape: 6, data }, TypeError, "shape must be an array of sizes such as"],
    [{ shape: [-6], data }, RangeError, "shape[0] must be an integer of at least 0, but is -6"],
    [{ shape: [2.5], data }, RangeError, "shape[0] must be an integer of at least 0, but is 2.5"],
    [{ shape: ["6"], data }, TypeError, 'shape[0] must be a number, but is "6"'],
    [{ shape: [2 ** 40], data }, RangeError, "one array can hold"],
    [{ shape: [5], data }, RangeError, "shape [5] takes 5 values, but the data has 6"],
    [{ dims: [7], data }, RangeError, "shape [7] takes 7 values, but the data has 6"],
    [{ shape: [6], data: lost }, RangeError, "shape [6] takes 6 values, but the data has 0"],
    [
      { shape: [6], data: "abcdef" },
      TypeError,
      'data must be an array of numbers, but is "abcdef"',
    ],
    [{ shape: [6], data: {} }, TypeError, "data must be an array of numbers, but is an object"],
    [
      { shape: [1], data: () => 1 },
      TypeError,
      "data must be an array of numbers, but is a function",
    ],
    [{ shape: [1], data: null }, TypeError, "data must be an array of numbers, but is null"],
    [{ shape: [1], data: [true] }, TypeError, "data[0] must be a number, but is true"],
    [
      { shape: [2], data: [1, , 2].slice(0, 2) },
      TypeError,
      "data[1] must be a number, but is undefined",
    ],
    [{ shape: [1], data: [1n] }, TypeError, "data[0] must be a number, but is 1n"],
    [
      { shape: [1], dataSync: () => "a" },
      TypeError,
      'data must be an array of numbers, but is "a"',
    ],
    [
      { shape: [6], data, offset: 1 },
      RangeError,
      "from 1 on takes the values 1 to 6, but the data has 6",
    ],
    [
      { shape: [1], data: { get: () => 1 } },
      TypeError,
      "data.length must be a number, but is undefined",
    ],
    [{ shape: [1], data: { get: () => 1, length: Infinity } }, RangeError, "data.length must be"],
    [{ dataSync: () => data }, TypeError, "shape must be an array of sizes such as"],
    [{ shape: [3], data, stride: [1, 1] }, RangeError, "strides must be 1 numbers, one an axis"],
    [{ shape: [3], data, stride: 1 }, RangeError, "must be 1 numbers, one an axis, but are 1"],
    [{ shape: [3], data, stride: [0.5] }, RangeError, "stride[0] must be an integer, but is 0.5"],
    [{ shape: [3], data, stride: ["1"] }, RangeError, 'stride[0] must be an integer, but is "1"'],
    [
      { shape: [3], data, stride: [1], offset: -1 },
      RangeError,
      "offset must be an integer of at least 0",
    ],
    [
      { shape: [3], data, stride: [2], offset: 2 },
      RangeError,
      "shape [3] with strides [2] from 2 on takes the values 2 to 6, but the data has 6",
    ],
    [{ shape: [3], data, stride: [-2], offset: 3 }, RangeError, "takes the values -1 to 3"],
    [{ shape: [3, 2], data, stride: [2 ** 53 - 1, 1] }, RangeError, "but the data has 6"],
    [{ shape: [2 ** 31, 2 ** 31], data, stride: [0, 0] }, RangeError, "one array can hold"],
    [
      { width: 2, height: 0, data },
      RangeError,
      "height must be an integer of at least 1, but is 0",
    ],
    [{ width: "2", height: 1, data }, TypeError, 'width must be a number, but is "2"'],
    [{ width: 4, height: 1, data }, RangeError, "4 by 1 pixels takes 1 to 4 values for each"],
    [{ width: 1, height: 1, data }, RangeError, "for each, but the data has 6"],
    [{ width: 2, height: 1, data: [1, 2] }, TypeError, "must be a typed array, but is [1, 2]"],
  ];
  for (const [source, kind, message] of cases) {
    const error = assertThrows(() => from(source), kind, message);
    assert(error.message.startsWith("Tensor.from(): "), error.message);
  }
  assertThrows(() => new Tensor([1, , 2] as number[], [3]), TypeError, "data[1] must be a number");
});
