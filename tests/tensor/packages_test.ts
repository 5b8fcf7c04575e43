import { defaultDevice, init, numpy as jnp } from "@jax-js/jax";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
// @ts-types="@types/ndarray"
import ndarray from "ndarray";
import { dump, parse } from "npyjs";
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web/wasm";
import { Conv1d, Conv2d, Conv3d, ConvTranspose2d, type Layer, Tensor } from "../../mod.ts";
import { relativeError } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";

/** What a tensor has, to be compared with what it should have. */
function seen({ shape, data }: Tensor): unknown {
  return { shape: [...shape], values: Array.from(data) };
}

const ROWS = [[1, 2, 3], [4, 5, 6]];

Deno.test("Tensor.from() takes tensors of ONNX Runtime, of every type of numbers", () => {
  const values = [0, 1, 2, 100, 5, 6];
  const big = BigInt64Array.from(values, BigInt);
  const expected = { shape: [2, 3], values };
  for (const { Tensor: OrtTensor } of [ortNode, ortWeb]) {
    const tensors = [
      new OrtTensor("float32", values, [2, 3]),
      new OrtTensor("float64", values, [2, 3]),
      new OrtTensor("int8", values, [2, 3]),
      new OrtTensor("uint8", values, [2, 3]),
      new OrtTensor("int16", values, [2, 3]),
      new OrtTensor("uint16", values, [2, 3]),
      new OrtTensor("int32", values, [2, 3]),
      new OrtTensor("uint32", values, [2, 3]),
      new OrtTensor("int64", big, [2, 3]),
      new OrtTensor("uint64", BigUint64Array.from(values, BigInt), [2, 3]),
    ];
    for (const tensor of tensors) assertEquals(seen(Tensor.from(tensor)), expected, tensor.type);
    const bool = new OrtTensor("bool", [true, false], [2]);
    assertEquals(Tensor.from(bool).toNested(), [1, 0]);
    const scalar = new OrtTensor("float32", [7], []);
    assertEquals(Tensor.from(scalar).toNested(), 7);
    const words = new OrtTensor("string", ["a"], [1]);
    assertThrows(() => Tensor.from(words), TypeError, 'data[0] must be a number, but is "a"');
  }
});

Deno.test("Tensor.from() reads the bits of float16 where there is no array for them", () => {
  const bits = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfe00]);
  const values = [1, -2, 2 ** -24, 65504, Infinity, NaN];
  const tensor = new ortNode.Tensor("float16", bits, [6]);
  assertEquals(Array.from(Tensor.from(tensor).data), values);
  const old = { dims: [6], type: "float16", data: bits };
  assertEquals(Array.from(Tensor.from(old).data), values);
  const all = Uint16Array.from({ length: 65536 }, (_, index) => index);
  assertEquals(
    Tensor.from({ shape: [65536], dtype: "f2", data: all }).data,
    new Float32Array(new Float16Array(all.buffer)),
  );
  const integers = { dims: [6], type: "uint16", data: bits };
  assertEquals(Array.from(Tensor.from(integers).data), Array.from(bits));
});

Deno.test("A tensor that ONNX Runtime has elsewhere says so itself", () => {
  const tensor = ortWeb.Tensor.fromGpuBuffer(JSON.parse("{}"), { dataType: "float32", dims: [1] });
  assertThrows(() => Tensor.from(tensor), Error, "The data is not on CPU");
});

Deno.test("Tensor.from() takes every view of an ndarray", () => {
  const size = fc.integer({ min: 1, max: 4 });
  const axis = fc.record({
    size,
    low: fc.nat({ max: 2 }),
    step: fc.constantFrom(1, 2, -1, -2),
    picked: fc.boolean(),
  });
  const cases = fc.record({
    axes: fc.array(axis, { minLength: 1, maxLength: 5 }),
    store: fc.constantFrom(
      (numbers: number[]) => numbers,
      (numbers: number[]) => new Float32Array(numbers),
      (numbers: number[]) => new Float64Array(numbers),
      (numbers: number[]) => new Int16Array(numbers),
    ),
    order: fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
  });
  fc.assert(
    fc.property(cases, ({ axes, store, order }) => {
      const shape = axes.map(({ size, low }) => size + low);
      const count = shape.reduce((product, size) => product * size, 1);
      const data = store(Array.from({ length: count }, (_, index) => index));
      let array = ndarray(data, shape)
        .lo(...axes.map(({ low }) => low))
        .step(...axes.map(({ step }) => step));
      const permutation = axes.map((_, axis) => axis)
        .toSorted((a, b) => (order[a] ?? 0) - (order[b] ?? 0));
      array = array.transpose(...permutation);
      array = array.pick(...axes.map(({ picked }) => picked ? 0 : -1));
      const expected = Tensor.zeros(array.shape);
      const places = [...array.shape].reduce<number[][]>(
        (all, size) =>
          all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
        [[]],
      );
      places.forEach((place, index) => expected.data[index] = array.get(...place));
      const tensor = Tensor.from(array);
      assertEquals(seen(tensor), seen(expected));
    }),
    { numRuns: draws(200) },
  );
});

Deno.test("Tensor.from() takes an ndarray over what is no array, and of no axes", () => {
  const store = { length: 6, get: (index: number) => index * 2, set: () => 0 };
  assertEquals(Tensor.from(ndarray(store, [2, 3])).toNested(), [[0, 2, 4], [6, 8, 10]]);
  assertEquals(Tensor.from(ndarray([5], [])).toNested(), 5);
  assertEquals(Tensor.from(ndarray([])).shape, [0]);
  assertEquals(Tensor.from(ndarray(new Float32Array(0), [0, 3]).transpose(1, 0)).shape, [3, 0]);
  const bytes = ndarray(new Uint8ClampedArray([1, 2, 3, 4, 5, 6]), [3, 2]);
  assertEquals(Tensor.from(bytes, { layout: "LC" }).toNested(), [[1, 3, 5], [2, 4, 6]]);
});

/** A .npy file. */
function npy(header: string, values: Uint8Array): ArrayBuffer {
  const text = header.padEnd(117) + "\n";
  const bytes = new Uint8Array(10 + text.length + values.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, text.length, 0]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes.set(values, 10 + text.length);
  return bytes.buffer;
}

Deno.test("Tensor.from() takes what npyjs reads, in C's order and in Fortran's", () => {
  assertEquals(Tensor.from(parse(dump(new Float32Array(ROWS.flat()), [2, 3]))).toNested(), ROWS);
  assertEquals(Tensor.from(parse(dump(new Int32Array(ROWS.flat()), [6, 1]))).shape, [6, 1]);
  const big = new BigInt64Array([1n, -2n]);
  assertEquals(Tensor.from(parse(dump(big, [2]))).toNested(), [1, -2]);
  const file = (descr: string, fortran: boolean, values: ArrayBufferView) =>
    npy(
      `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (2, 3), }`,
      new Uint8Array(values.buffer),
    );
  const columns = new Float64Array([1, 4, 2, 5, 3, 6]);
  assertEquals(Tensor.from(parse(file("<f8", true, columns))).toNested(), ROWS);
  const halves = file("<f2", false, new Float16Array(ROWS.flat()));
  for (const convertFloat16 of [true, false]) {
    assertEquals(Tensor.from(parse(halves, { convertFloat16 })).toNested(), ROWS);
  }
  const complex = parse(file("<c8", false, new Float32Array(12)));
  const message = 'Tensor.from(): the values must be real numbers, but are of type "c8"';
  assertThrows(() => Tensor.from(complex), TypeError, message);
});

Deno.test("Tensor.from() takes tensors of TensorFlow.js and leaves them alive", () => {
  const tensor = tf.tensor2d(ROWS);
  for (
    const one of [tensor, tf.tensor2d(ROWS, [2, 3], "int32"), tf.cast(tf.tensor2d(ROWS), "float32")]
  ) {
    assertEquals(Tensor.from(one).toNested(), ROWS);
  }
  assertEquals(Tensor.from(tf.transpose(tensor)).toNested(), [[1, 4], [2, 5], [3, 6]]);
  assertEquals(Tensor.from(tf.scalar(3)).toNested(), 3);
  assertEquals(Tensor.from(tf.tensor1d([true, false], "bool")).toNested(), [1, 0]);
  assertEquals(Tensor.from(tf.zeros([2, 0])).shape, [2, 0]);
  assertEquals(Tensor.from(tf.variable(tensor)).toNested(), ROWS);
  assertEquals(Tensor.from(tensor.arraySync()).toNested(), ROWS);
  assertEquals(tensor.isDisposed, false);
  assertThrows(
    () => Tensor.from(tf.complex([1], [2])),
    TypeError,
    'must be real numbers, but are of type "complex64"',
  );
  assertThrows(
    () => Tensor.from(tf.tensor1d(["a"])),
    TypeError,
    'data[0] must be a number, but is "a"',
  );
  tensor.dispose();
  assertThrows(() => Tensor.from(tensor), Error, "disposed");
});

Deno.test("Tensor.from() takes arrays of jax-js and takes no reference of theirs away", async () => {
  await init("wasm");
  defaultDevice("wasm");
  const array = jnp.array(ROWS);
  assertEquals(Tensor.from(array).toNested(), ROWS);
  assertStrictEquals(array.refCount, 1);
  assertEquals(Tensor.from(array.ref.transpose(), { layout: "LC" }).toNested(), ROWS);
  const integers = jnp.array(ROWS, { dtype: jnp.int32 });
  assertEquals(Tensor.from(integers).toNested(), ROWS);
  array.dispose();
  assertThrows(() => Tensor.from(array), ReferenceError, "freed");
});

/** Asserts that a layer with weights and inputs of TensorFlow.js computes what that does. */
function assertComputes(
  layer: Layer,
  layouts: { readonly input: string; readonly weight: string },
  input: tf.Tensor,
  weight: tf.Tensor,
  expected: tf.Tensor,
) {
  layer.loadStateDict({ weight: Tensor.from(weight, { layout: layouts.weight }) });
  const output = layer.forwardSync(Tensor.from(input, { layout: layouts.input }));
  const { shape, data } = Tensor.from(expected, { layout: layouts.input });
  assertEquals(output.shape, shape);
  const error = relativeError(output.data, data);
  if (!(error <= 1e-6)) throw new Error(`${layer} is off by ${error}`);
}

Deno.test("Layers with weights of TensorFlow.js compute what it does, by the names of the axes", () => {
  const random = (shape: number[]) => tf.tensor(Tensor.randn(shape).data, shape);
  {
    const [x, w] = [random([2, 9, 7, 3]), random([3, 2, 3, 4])];
    const expected = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [2, 1], "valid");
    const layer = new Conv2d(3, 4, [3, 2], { stride: [2, 1], bias: false });
    assertComputes(layer, { input: "NHWC", weight: "HWIO" }, x, w, expected);
  }
  {
    const [x, w] = [random([1, 6, 5, 3]), random([3, 3, 3, 2])];
    const expected = tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
    const layer = new Conv2d(3, 6, 3, { groups: 3, padding: "same", bias: false });
    assertComputes(layer, { input: "NHWC", weight: "HWIM" }, x, w, expected);
  }
  {
    const [x, w] = [random([1, 4, 5, 3]), random([3, 2, 4, 3])];
    const size: [number, number, number, number] = [1, 9, 10, 4];
    const expected = tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, size, 2, "valid");
    const layer = new ConvTranspose2d(3, 4, [3, 2], { stride: 2, bias: false });
    assertComputes(layer, { input: "NHWC", weight: "HWIO" }, x, w, expected);
  }
  {
    const [x, w] = [random([2, 11, 3]), random([5, 3, 4])];
    const expected = tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, 1, "valid");
    const layer = new Conv1d(3, 4, 5, { bias: false });
    assertComputes(layer, { input: "NLC", weight: "LIO" }, x, w, expected);
  }
  {
    const [x, w] = [random([1, 5, 4, 6, 3]), random([2, 3, 1, 3, 4])];
    const expected = tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 1, "valid");
    const layer = new Conv3d(3, 4, [2, 3, 1], { bias: false });
    assertComputes(layer, { input: "NDHWC", weight: "DHWIO" }, x, w, expected);
  }
});
