/**
 * Any models: graphs whose nodes take what is given before them.
 *
 * @module
 */

import * as fc from "fast-check";
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from "../../../../src/io/models/onnx/model.ts";

const words = fc.oneof(
  fc.string({ minLength: 1, unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("__proto__", "größe"),
);

const float32 = fc.float();

/** Every int64 that is a number, and the number next to the largest. */
const int64 = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    2 ** 63,
    -(2 ** 63),
    2 ** 63 - 1024,
    -(2 ** 62) - 1024,
    2 ** 32,
    -(2 ** 32),
    2 ** 53,
    127,
    128,
  ),
).map((value) => value + 0);

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

const lists = <Value>(value: fc.Arbitrary<Value>, length: number) =>
  fc.array(value, { minLength: length, maxLength: length });

export const tensors: fc.Arbitrary<OnnxTensor> = shapes.chain((shape): fc.Arbitrary<OnnxTensor> => {
  const length = count(shape);
  return fc.oneof(
    lists(float32, length).map((data) => ({
      kind: "float" as const,
      shape,
      data: Float32Array.from(data),
    })),
    lists(int64, length).map((data) => ({
      kind: "int" as const,
      shape,
      data: Float64Array.from(data),
    })),
    lists(fc.constantFrom(0, 1), length).map((data) => ({
      kind: "bool" as const,
      shape,
      data: Float64Array.from(data),
    })),
  );
});

const attributes: fc.Arbitrary<OnnxAttribute> = fc.oneof(
  fc.record({ kind: fc.constant("float" as const), value: float32 }),
  fc.record({ kind: fc.constant("int" as const), value: int64 }),
  fc.record({ kind: fc.constant("string" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ kind: fc.constant("tensor" as const), value: tensors }),
  fc.record({ kind: fc.constant("floats" as const), value: fc.array(float32) }),
  fc.record({ kind: fc.constant("ints" as const), value: fc.array(int64) }),
  fc.record({
    kind: fc.constant("strings" as const),
    value: fc.array(fc.string({ unit: "grapheme" })),
  }),
);

const sizes = fc.oneof(fc.nat(), fc.constant(2 ** 40), fc.constant(null), words);

/** What is said of values of these names. */
function infos(names: readonly string[]): fc.Arbitrary<readonly OnnxValueInfo[]> {
  const one = (name: string) =>
    fc.record({
      name: fc.constant(name),
      kind: fc.constantFrom("float" as const, "int" as const, "bool" as const),
      shape: fc.option(fc.array(sizes, { maxLength: 4 })),
    });
  return fc.tuple(...names.map(one));
}

/** Nodes that give these names, each taking what is given or comes from one before it. */
function nodes(
  given: readonly string[],
  names: readonly string[],
): fc.Arbitrary<readonly OnnxNode[]> {
  const one = (name: string, place: number) =>
    fc.record({
      name: fc.oneof(fc.constant(""), words),
      operator: words,
      domain: fc.constantFrom("", "com.example"),
      inputs: fc.array(fc.constantFrom("", ...given, ...names.slice(0, place)), { maxLength: 4 }),
      outputs: fc.constantFrom([name], ["", name], [name, ""]),
      attributes: fc.array(fc.tuple(words, attributes), { maxLength: 3 }).map((entries) =>
        new Map(entries)
      ),
    });
  return fc.tuple(...names.map(one));
}

export const models: fc.Arbitrary<OnnxModel> = fc
  .tuple(
    fc.uniqueArray(words, { minLength: 3, maxLength: 9 }),
    fc.nat({ max: 2 }),
    fc.nat({ max: 2 }),
  )
  .chain(([names, first, second]) => {
    const [inputs, constants, results] = [
      names.slice(0, first),
      names.slice(first, first + second),
      names.slice(first + second),
    ];
    return fc.record({
      opsets: fc.nat({ max: 30 }).map((version) =>
        new Map([["com.example", 1], ["", version + 1]])
      ),
      graph: fc.record({
        name: fc.string({ unit: "grapheme" }),
        nodes: nodes([...inputs, ...constants], results),
        initializers: fc.tuple(...constants.map((name) => fc.tuple(fc.constant(name), tensors)))
          .map((entries) => new Map(entries)),
        inputs: infos(inputs),
        outputs: infos(results.slice(-2)),
      }),
    });
  });
