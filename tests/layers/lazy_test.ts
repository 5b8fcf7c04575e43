import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as fc from "fast-check";
import { Engine } from "../../src/engine/engine.ts";
import {
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
} from "../../src/layers/lazy.ts";
import { Conv2d } from "../../src/layers/conv.ts";
import { ConvTranspose2d } from "../../src/layers/conv_transpose.ts";
import type { Layer } from "../../src/layers/layer.ts";
import type { ConvTransposeForwardOptions } from "../../src/layers/options.ts";
import { type AnyTensor, Tensor } from "../../src/tensor/tensor.ts";
import { Adam } from "../../src/train/adam.ts";
import * as init from "../../src/train/init.ts";
import { Tape } from "../../src/train/tape.ts";
import { draws } from "../_depth.ts";
import { inputShapeOf, type LayerCase, layerCases } from "../_arbitrary.ts";
import { CONV_TRANSPOSES, CONVS } from "./_layers.ts";

const LAZY_CONVS = { 1: LazyConv1d, 2: LazyConv2d, 3: LazyConv3d } as const;
const LAZY_CONV_TRANSPOSES = {
  1: LazyConvTranspose1d,
  2: LazyConvTranspose2d,
  3: LazyConvTranspose3d,
} as const;

/** One layer as it is usually built, and one that waits for its channels. */
interface Twins {
  readonly eager: Layer;
  readonly lazy: Layer;
  readonly input: Tensor;
  /** The options of a forward pass. */
  readonly size: ConvTransposeForwardOptions;
}

function twinsOf(layerCase: LayerCase): Twins {
  const { transposed, rank, inChannels, outChannels, kernelSize, bias, seed } = layerCase;
  const options = { ...layerCase.options, bias, seed };
  const Eager = transposed ? CONV_TRANSPOSES[rank] : CONVS[rank];
  const Lazy = transposed ? LAZY_CONV_TRANSPOSES[rank] : LAZY_CONVS[rank];
  return {
    eager: new Eager(inChannels, outChannels, kernelSize, options),
    lazy: new Lazy(outChannels, kernelSize, options),
    input: Tensor.randn(inputShapeOf(layerCase), { seed }),
    size: layerCase.outputSize ? { outputSize: layerCase.outputSize } : {},
  };
}

/** Everything that can be seen of a layer. */
function seen(layer: Layer) {
  const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups } = layer;
  const sizes = { inChannels, outChannels, kernelSize, stride, padding, dilation, groups };
  return { ...sizes, text: String(layer), json: JSON.stringify(layer), state: layer.stateDict() };
}

const IMAGES: readonly number[] = [2, 6, 5, 5];

const KINDS = {
  LazyConv2d: () => new LazyConv2d(4, 3, { groups: 2, seed: 3 }),
  LazyConvTranspose2d: () => new LazyConvTranspose2d(4, 3, { groups: 2, seed: 3 }),
} as const;

Deno.test("Every lazy layer is what the layer built with the channels is, in random configurations", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases(), async (layerCase) => {
      const { eager, lazy, input, size } = twinsOf(layerCase);
      const output = await lazy.forward(input, size);
      const expected = eager.forwardSync(input, size);
      assertEquals(output.shape, expected.shape);
      assertEquals(output.data, expected.data);
      assertEquals(seen(lazy), seen(eager));
      const gradient = Tensor.randn(output.shape, { seed: 1 });
      const ofInput = await lazy.backward(input, gradient);
      assertEquals(ofInput?.data, eager.backwardSync(input, gradient)?.data);
      assertEquals(
        lazy.parameters().map(({ grad }) => grad),
        eager.parameters().map((p) => p.grad),
      );
    }),
    { seed: 61, numRuns: draws(150) },
  );
});

Deno.test("forwardSync(), outputShape(), explain() and loadStateDict() fix the channels too", () => {
  fc.assert(
    fc.property(layerCases(), fc.constantFrom(0, 1, 2, 3), (layerCase, way) => {
      const { eager, lazy, input, size } = twinsOf(layerCase);
      const ways = [
        (layer: Layer) => void layer.forwardSync(input, size),
        (layer: Layer) => void layer.outputShape(input.shape),
        (layer: Layer) => void layer.explain(input.shape),
        (layer: Layer) => layer.loadStateDict(eager.stateDict()),
      ];
      // An output that is asked for may be the only one that is not empty.
      if (layerCase.outputSize && way !== 0) return;
      ways[way]?.(lazy);
      assertEquals(seen(lazy), seen(eager));
      assertEquals(lazy.forwardSync(input, size).data, eager.forwardSync(input, size).data);
    }),
    { seed: 62, numRuns: draws(150) },
  );
});

Deno.test("A lazy layer is of the class that it becomes", () => {
  for (const rank of [1, 2, 3] as const) {
    assertInstanceOf(new LAZY_CONVS[rank](4, 3), CONVS[rank]);
    assertInstanceOf(new LAZY_CONV_TRANSPOSES[rank](4, 3), CONV_TRANSPOSES[rank]);
  }
});

for (const [name, build] of Object.entries(KINDS)) {
  Deno.test(`${name} says what it is before its first input`, () => {
    const layer = build();
    assertEquals(layer.inChannels, 0);
    assertEquals(layer.outChannels, 4);
    assertEquals(layer.groups, 2);
    assertEquals(String(layer), `${name}(4, kernelSize=[3, 3], stride=[1, 1], groups=2)`);
    assertEquals(Deno.inspect(layer), String(layer));
    assertEquals(Deno.inspect(layer.weight), "Parameter without values yet");
    layer.outputShape(IMAGES);
    const eager = `${name.slice("Lazy".length)}(6, 4, kernelSize=[3, 3], stride=[1, 1], groups=2)`;
    assertEquals(String(layer), eager);
    assert(Deno.inspect(layer.weight).startsWith("Parameter ["));
  });

  Deno.test(`${name} tells who asks for its parameters before its first input what to do`, async () => {
    const layer = build();
    const input = Tensor.ones(IMAGES);
    const gradient = Tensor.ones([2, 4, 3, 3]);
    const state = build();
    state.outputShape(IMAGES);
    const optimizer = new Adam(layer.parameters());
    for (
      const ask of [
        () => layer.weight.data,
        () => layer.weight.shape,
        () => layer.weight.size,
        () => layer.stateDict(),
        () => JSON.stringify(layer),
        () => layer.backwardSync(input, gradient),
        () => init.zeros(layer.weight),
      ]
    ) {
      assertThrows(
        ask,
        TypeError,
        `${name}: weight has no shape and no values yet, since they come with the first input: call ` +
          `forward(), outputShape() or loadStateDict() first`,
      );
    }
    await assertRejects(() => layer.backward(input, gradient), TypeError, "call forward()");
    assertThrows(() => layer.bias?.data, TypeError, `${name}: bias has no shape`);
    // Neither does anything to parameters without a gradient.
    layer.zeroGrad();
    optimizer.step();
    assertEquals(layer.inChannels, 0);
    layer.loadStateDict(state.stateDict());
    assertEquals(layer.weight.data, state.weight.data);
  });

  Deno.test(`${name} is as it was after a first input that is refused`, async () => {
    using tiny = new Engine({ threads: 1, memory: 2 ** 22, backend: "wasm" });
    const closed = new Engine({ threads: 1 });
    closed.close();
    const expected = build();
    expected.outputShape(IMAGES);
    const Class = name === "LazyConv2d" ? LazyConv2d : LazyConvTranspose2d;
    const layerOf = (engine: Engine) => new Class(4, 3, { groups: 2, seed: 3, engine });
    const ones = (...shape: number[]) => Tensor.ones(shape);
    const refused: [Layer, AnyTensor, object | undefined, typeof Error, string][] = [
      [build(), JSON.parse("[1]"), undefined, TypeError, "input must be a Tensor"],
      [build(), ones(6, 5), undefined, RangeError, "input must be a batch (N, C, H, W)"],
      [build(), ones(1, 7, 5, 5), undefined, RangeError, "groups is 2, and must divide them"],
      [build(), ones(1, 0, 5, 5), undefined, RangeError, "input has 0 channels"],
      [build(), ones(1, 8, 0, 5), undefined, RangeError, "size 0 on spatial axis 0"],
      [build(), ones(1, 8, 5, 5), { ad: 1 }, TypeError, "unknown option"],
      [build(), ones(1, 8, 5, 5), { add: 1 }, TypeError, "add must be a Tensor"],
      [build(), ones(1, 8, 5, 5), { out: ones(1) }, RangeError, "out must have the output's shape"],
      [layerOf(tiny), ones(1, 60000, 3, 3), undefined, RangeError, "memory"],
      [layerOf(closed), ones(1, 8, 5, 5), undefined, Error, "closed"],
    ];
    for (const [layer, input, options, Kind, message] of refused) {
      assertThrows(() => layer.forwardSync(input, options), Kind, message);
      await assertRejects(() => layer.forward(input, options), Kind, message);
      assertEquals(layer.inChannels, 0);
      assertThrows(() => layer.weight.shape, TypeError, "call forward()");
      assertEquals(String(layer), String(build()));
      layer.outputShape(IMAGES);
      assertEquals(layer.weight, expected.weight);
      assertEquals(layer.bias, expected.bias);
    }
  });

  Deno.test(`${name} is as it was after a state or shape that is refused`, () => {
    const expected = build();
    expected.outputShape(IMAGES);
    const { weight, bias = weight } = expected.stateDict();
    const axes = name === "LazyConv2d" ? "[4, inChannels / groups, 3, 3]" : "[inChannels, 2, 3, 3]";
    const layer = build();
    for (
      const [ask, Kind, message] of [
        [() => layer.loadStateDict({ weight }), TypeError, '"bias" is missing'],
        [() => layer.loadStateDict({ weight, bias, gain: bias }), TypeError, "unknown parameter"],
        [() => layer.loadStateDict({ weight: bias, bias }), RangeError, `shape ${axes}`],
        [() => layer.loadStateDict({ weight: Tensor.ones([4, 4, 2, 3]), bias }), RangeError, axes],
        [() => layer.loadStateDict({ weight: Tensor.zeros([0, 2, 3, 3]), bias }), RangeError, axes],
        [() => layer.loadStateDict({ weight, bias: Tensor.ones([6]) }), RangeError, "shape [4]"],
        [() => layer.outputShape([6]), RangeError, "input must be a batch"],
        [() => layer.outputShape([1, 7, 5, 5]), RangeError, "input has 7 channels"],
        [() => layer.outputShape([1, 2 ** 40, 5, 5]), RangeError, "the input of shape"],
        [() => layer.explain([1, 7, 5, 5]), RangeError, "input has 7 channels"],
        [() => layer.explain([6, 5, 5], JSON.parse('{"cod": 1}')), TypeError, "unknown option"],
      ] as const
    ) {
      assertThrows(ask, Kind, message);
      assertEquals(layer.inChannels, 0);
      assertThrows(() => layer.weight.shape, TypeError, "call forward()");
    }
    layer.loadStateDict({ weight, bias });
    assertEquals(layer.stateDict(), expected.stateDict());
  });

  Deno.test(`${name} takes other inputs for what they are after the first`, async () => {
    const layer = build();
    const calls = [layer.forward(Tensor.ones(IMAGES)), layer.forward(Tensor.ones([6, 9, 4]))];
    assertEquals((await Promise.all(calls)).map(({ shape }) => shape.length), [4, 3]);
    const plain = name.slice("Lazy".length);
    const message =
      `${plain}: input has 8 channels (shape [1, 8, 5, 5]), but the layer was built for 6`;
    assertThrows(() => layer.forwardSync(Tensor.ones([1, 8, 5, 5])), RangeError, message);
    assertThrows(
      () => layer.loadStateDict({ weight: Tensor.ones([8, 4, 3, 3]), bias: Tensor.ones([4]) }),
      RangeError,
      `${plain}: weight must have shape`,
    );
  });

  Deno.test(`${name} keeps its parameters from the start, so that they can be trained`, async () => {
    const layer = build();
    const { weight, bias } = layer;
    const optimizer = new Adam(layer.parameters());
    const tape = new Tape();
    const output = await tape.forward(layer, Tensor.ones(IMAGES));
    const before = layer.stateDict();
    await tape.backward(output, Tensor.ones(output.shape));
    optimizer.step();
    assertStrictEquals(layer.weight, weight);
    assertStrictEquals(layer.bias, bias);
    assertEquals(weight.grad?.shape, weight.shape);
    assertNotEquals(layer.stateDict(), before);
  });

  Deno.test(`${name} can be frozen before its first input`, () => {
    const layer = build().freeze();
    const input = Tensor.randn(IMAGES, { seed: 1 });
    const output = layer.forwardSync(input);
    assert(layer.frozen);
    const state = build();
    state.outputShape(IMAGES);
    assertEquals(output.data, state.forwardSync(input).data);
    state.weight.data.fill(2);
    layer.loadStateDict(state.stateDict());
    assertEquals(layer.forwardSync(input).data, state.forwardSync(input).data);
  });
}

Deno.test("Lazy layers without a bias have none from the start, and without a seed differ", () => {
  const layers = [1, 2].map(() => new LazyConv2d(4, 3, { bias: false }));
  for (const layer of layers) {
    assertEquals(layer.bias, null);
    assertEquals(layer.parameters().length, 1);
    layer.outputShape([3, 8, 8]);
  }
  assertNotEquals(layers[0]?.weight.data, layers[1]?.weight.data);
});

Deno.test("Lazy layers refuse wrong arguments when they are built", () => {
  const wrong = (options: unknown) => JSON.parse(JSON.stringify(options));
  for (
    const [build, Kind, message] of [
      [() => new LazyConv2d(0, 3), RangeError, "LazyConv2d: outChannels must be"],
      [() => new LazyConv2d(4, 0), RangeError, "LazyConv2d: kernelSize must be"],
      [() => new LazyConv2d(4, 3, { groups: 3 }), RangeError, "LazyConv2d: outChannels must be"],
      [() => new LazyConv2d(4, 3, { groups: 0 }), RangeError, "LazyConv2d: groups must be"],
      [() => new LazyConv2d(4, 3, { seed: -1 }), RangeError, "LazyConv2d: seed must be"],
      [() => new LazyConv2d(4, 3, wrong({ bias: 1 })), TypeError, "LazyConv2d: bias must be"],
      [() => new LazyConv2d(4, 3, wrong({ strid: 1 })), TypeError, "LazyConv2d: unknown option"],
      [() => new LazyConv2d(4, 16, wrong(3)), TypeError, "LazyConv2d: options must be an object"],
      [() => new Conv2d(0, 4, 3), RangeError, "Conv2d: inChannels must be"],
      [() => new Conv2d(wrong(null), 4, 3), TypeError, "Conv2d: inChannels must be a number"],
      [() => new ConvTranspose2d(0, 4, 3), RangeError, "ConvTranspose2d: inChannels must be"],
    ] as const
  ) assertThrows(build, Kind, message);
});
