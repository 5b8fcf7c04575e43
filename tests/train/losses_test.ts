import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Tensor } from "../../src/tensor/tensor.ts";
import { crossEntropy, type CrossEntropyOptions } from "../../src/train/cross_entropy.ts";
import { meanSquaredError } from "../../src/train/mean_squared_error.ts";
import { assertNear, TORCH } from "./_torch_reference.ts";

TORCH.squares.forEach(({ shape, prediction, target, reduction, loss, gradient }) => {
  Deno.test(`meanSquaredError() is PyTorch's: ${reduction} of shape [${shape}]`, () => {
    const found = meanSquaredError(new Tensor(prediction, shape), new Tensor(target, shape), {
      reduction,
    });
    assertNear([found.loss], [loss], "loss");
    assertEquals(found.gradient.shape, shape);
    assertNear(found.gradient.data, gradient, "gradient");
  });
});

Deno.test("meanSquaredError() refuses other shapes and options", () => {
  const [a, b] = [Tensor.zeros([2, 3]), Tensor.zeros([3, 2])];
  assertThrows(() => meanSquaredError(a, b), RangeError, "target must have shape [2, 3], but has");
  assertThrows(() => meanSquaredError(a, JSON.parse("[1]")), TypeError, "target must be a Tensor");
  const reduction = JSON.parse('"none"');
  assertThrows(() => meanSquaredError(a, a, { reduction }), RangeError, "reduction must be one of");
});

Deno.test("meanSquaredError() of nothing is not a number, as PyTorch's", () => {
  const { loss, gradient } = meanSquaredError(Tensor.zeros([0, 3]), Tensor.zeros([0, 3]));
  assertEquals(loss, NaN);
  assertEquals(gradient.shape, [0, 3]);
});

for (const torch of TORCH.crossEntropies) {
  const { shape, logits, probabilities, options, loss, gradient } = torch;
  const what = probabilities ? "probabilities" : "class indices";
  Deno.test(`crossEntropy() is PyTorch's: ${what}, [${shape}], ${JSON.stringify(options)}`, () => {
    const given: CrossEntropyOptions = {
      ...(options.label_smoothing === undefined ? {} : { labelSmoothing: options.label_smoothing }),
      ...(options.ignore_index === undefined ? {} : { ignoreIndex: options.ignore_index }),
      ...(options.reduction === undefined ? {} : { reduction: options.reduction }),
    };
    const labels = probabilities ? new Tensor(torch.labels, shape) : Int32Array.from(torch.labels);
    const found = crossEntropy(new Tensor(logits, shape), labels, given);
    assertEquals(found.gradient.shape, shape);
    if (loss === null) {
      // All are ignored.
      assertEquals(found.loss, NaN);
      assert(found.gradient.data.every((value) => value === 0));
    } else {
      assertNear([found.loss], [loss], "loss");
      assertNear(found.gradient.data, gradient, "gradient");
    }
  });
}

Deno.test("crossEntropy() takes labels in every kind of array", () => {
  const logits = Tensor.randn([3, 4], { seed: 0 });
  const labels = [3, 0, 2];
  const expected = crossEntropy(logits, labels);
  const kinds = [
    Uint8Array.from(labels),
    Int16Array.from(labels),
    Float32Array.from(labels),
    BigInt64Array.from(labels.map(BigInt)),
    labels.map(BigInt),
  ];
  for (const kind of kinds) assertEquals(crossEntropy(logits, kind), expected);
});

Deno.test("crossEntropy() of logits as large as they can be stays exact", () => {
  const { loss, gradient } = crossEntropy(Tensor.from([[3e38, -3e38], [-3e38, 3e38]]), [0, 1]);
  assertEquals(loss, 0);
  assertEquals([...gradient.data].map(Math.abs), [0, 0, 0, 0]);
  assertAlmostEquals(crossEntropy(Tensor.from([[1e4, 1e4 + 1]]), [0]).loss, Math.log(1 + Math.E));
});

Deno.test("crossEntropy() lets a class be ruled out by a logit of -Infinity", () => {
  for (const labels of [[1], Tensor.from([[0, 0.5, 0.5]])]) {
    const { loss, gradient } = crossEntropy(Tensor.from([[-Infinity, 1, 1]]), labels);
    assertAlmostEquals(loss, Math.LN2);
    assertEquals(gradient.data[0], 0);
  }
});

Deno.test("crossEntropy() has the gradient that differences of its loss have", () => {
  fc.assert(fc.property(
    fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      classes: fc.integer({ min: 1, max: 4 }),
      positions: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
      labelSmoothing: fc.constantFrom(0, 0.2, 1),
      probabilities: fc.boolean(),
      seed: fc.nat(1000),
    }),
    ({ batch, classes, positions, labelSmoothing, probabilities, seed }) => {
      const shape = [batch, classes, ...positions];
      const logits = Tensor.randn(shape, { seed });
      const labels = probabilities
        ? Tensor.uniform(shape, { seed: seed + 1 })
        : Array.from({ length: logits.size / classes }, (_, i) => (i * 7 + seed) % classes);
      const { gradient } = crossEntropy(logits, labels, { labelSmoothing });
      const index = seed % logits.size;
      const lossAt = (change: number) => {
        const moved = new Tensor(logits.data.slice(), shape);
        moved.data[index] = (logits.data[index] ?? 0) + change;
        return { at: moved.data[index] ?? 0, ...crossEntropy(moved, labels, { labelSmoothing }) };
      };
      const [low, high] = [lossAt(-1 / 256), lossAt(1 / 256)];
      const slope = (high.loss - low.loss) / (high.at - low.at);
      assertAlmostEquals(gradient.data[index] ?? NaN, slope, 1e-5);
    },
  ));
});

Deno.test("crossEntropy() says what is wrong with its labels and options", () => {
  const logits = Tensor.zeros([2, 3]);
  const wrong: readonly [() => unknown, string][] = [
    [() => crossEntropy(logits, [0]), "there must be 2 labels, but there are 1"],
    [() => crossEntropy(logits, [0, 3]), "labels[1] must be a class from 0 to 2, but is 3"],
    [() => crossEntropy(logits, [-1, 0]), "labels[0] must be an integer of at least 0, but is -1"],
    [
      () => crossEntropy(logits, [0.5, 0]),
      "labels[0] must be an integer of at least 0, but is 0.5",
    ],
    [() => crossEntropy(logits, JSON.parse('["a", 0]')), 'labels[0] must be a number, but is "a"'],
    [() => crossEntropy(logits, JSON.parse("1")), "labels must be an array of class indices or a"],
    [
      () => crossEntropy(logits, Tensor.zeros([2])),
      "labels, a Tensor of probabilities, must have shape [2, 3], but has [2]",
    ],
    [() => crossEntropy(logits, logits, { ignoreIndex: 1 }), "ignoreIndex goes with class indices"],
    [
      () => crossEntropy(logits, [0, 0], { labelSmoothing: 1.5 }),
      "labelSmoothing must be finite, at",
    ],
    [
      () => crossEntropy(logits, [0, 0], JSON.parse('{"smoothing":1}')),
      'unknown option "smoothing"',
    ],
    [() => crossEntropy(Tensor.zeros([]), []), "logits must have shape (N, C)"],
    [() => crossEntropy(Tensor.zeros([2, 0]), []), "logits must have at least one class"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, `crossEntropy(): ${message}`);
});
