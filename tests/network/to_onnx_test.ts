import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { Conv1d, Conv2d, ConvTranspose2d, type Layer, LazyConv2d, Tensor } from "../../mod.ts";
import { fromOnnx, toOnnx } from "../../src/network/mod.ts";
import type { Size } from "../../src/convolution/settings.ts";
import { inputShapeOf, type LayerCase, layerCases, relativeError } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { CONV_TRANSPOSES, CONVS } from "../layers/_layers.ts";

const ACTIVATIONS = [
  {},
  { activation: "relu" },
  { activation: "relu6" },
  { activation: "leakyRelu", negativeSlope: 0.2 },
] as const;

/** Of the outputs' largest element: both sum up in other orders. */
const MOST_ERROR = 1e-5;

function buildLayer(layerCase: LayerCase): Layer {
  const { transposed, rank, inChannels, outChannels, kernelSize, bias, options, seed } = layerCase;
  const activation = ACTIVATIONS[seed % ACTIVATIONS.length];
  const build = (transposed ? CONV_TRANSPOSES : CONVS)[rank];
  return new build(inChannels, outChannels, kernelSize, { ...options, ...activation, bias, seed });
}

/** What ONNX Runtime makes of a file. */
async function runElsewhere(bytes: Uint8Array, input: Tensor): Promise<Tensor> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  try {
    const { output } = await session.run({
      input: new OnnxTensor("float32", input.data, input.shape),
    });
    if (!(output?.data instanceof Float32Array)) throw new TypeError("There is no output");
    return new Tensor(output.data.slice(), output.dims);
  } finally {
    await session.release();
  }
}

function isOne(size: Size = 1): boolean {
  return (typeof size === "number" ? [size] : size).every((value) => value === 1);
}

/** ONNX Runtime adds less than a stride. */
function isLess(size: Size = 0, than: Size = 1): boolean {
  const at = (size: Size, axis: number) => typeof size === "number" ? size : size[axis] ?? 0;
  return [0, 1, 2].every((axis) => at(size, axis) < Math.max(1, at(than, axis)));
}

/** What can be said in ONNX, and what ONNX Runtime takes: no empty batch, and not all padding modes. */
function isWritten({ batch, options, transposed, outputSize, spatial }: LayerCase): boolean {
  const { padding, paddingMode = "zeros", stride, dilation } = options;
  if (batch === null || batch === 0 || outputSize !== undefined || spatial.includes(0)) {
    return false;
  }
  if (transposed) return isLess(options.outputPadding, stride);
  if (padding !== "same") return true;
  // ONNX Runtime has no such padding with both.
  return paddingMode === "zeros" && (isOne(stride) || isOne(dilation));
}

Deno.test("toOnnx() writes layers that ONNX Runtime and fromOnnx() compute alike", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases().filter(isWritten), async (layerCase) => {
      const layer = buildLayer(layerCase);
      const input = Tensor.randn(inputShapeOf(layerCase), { seed: layerCase.seed });
      const expected = layer.forwardSync(input);
      const bytes = toOnnx([layer]);
      const elsewhere = await runElsewhere(bytes, input);
      assertEquals(elsewhere.shape, expected.shape);
      assert(relativeError(elsewhere.data, expected.data) <= MOST_ERROR);
      const { output } = fromOnnx(bytes).forwardSync(input);
      assertEquals(output?.shape, expected.shape);
      assert(relativeError(output?.data ?? new Float32Array(), expected.data) <= MOST_ERROR);
    }),
    { seed: 61, numRuns: draws(150) },
  );
});

Deno.test("toOnnx() writes a chain of layers, with their names", async () => {
  const layers = {
    down: new Conv2d(3, 8, 3, { stride: 2, padding: 1, activation: "relu", seed: 1 }),
    mirrored: new Conv2d(8, 8, 5, { padding: 2, paddingMode: "reflect", seed: 2 }),
    up: new ConvTranspose2d(8, 3, 4, { stride: 2, padding: 1, activation: "relu6", seed: 3 }),
  };
  const bytes = toOnnx(layers);
  const input = Tensor.randn([2, 3, 12, 16], { seed: 4 });
  const expected = Object.values(layers).reduce<Tensor>((x, layer) => layer.forwardSync(x), input);
  const elsewhere = await runElsewhere(bytes, input);
  assert(relativeError(elsewhere.data, expected.data) <= MOST_ERROR);
  const network = fromOnnx(bytes);
  assertEquals(network.inputs, [{ name: "input", shape: ["batch", 3, "in0", "in1"] }]);
  assertEquals(network.outputs, [{ name: "output", shape: ["batch", 3, "out0", "out1"] }]);
  const { output } = await network.forward(input);
  assert(relativeError(output?.data ?? new Float32Array(), expected.data) <= MOST_ERROR);
  const { steps } = network.explain([2, 3, 12, 16]);
  assertEquals(steps.map(({ node }) => node), ["down", "mirrored/pad", "mirrored", "up"]);
});

Deno.test("toOnnx() says what is wrong with its layers", () => {
  assertThrows(() => toOnnx([]), RangeError, "at least one layer");
  assertThrows(
    () => toOnnx({ a: new Conv2d(3, 8, 3), b: new Conv2d(4, 8, 3) }),
    RangeError,
    "b takes 4 channels, but the layer before it gives 8",
  );
  assertThrows(
    () => toOnnx([new Conv2d(3, 8, 3), new Conv1d(8, 8, 3)]),
    RangeError,
    "layer1 has 1 spatial axes, but the layer before it 2",
  );
  assertThrows(
    () => toOnnx([new LazyConv2d(8, 3)]),
    TypeError,
    "weight has no shape and no values yet",
  );
  const same = new Conv2d(3, 8, 3, { padding: "same", paddingMode: "reflect" });
  assertThrows(() => toOnnx([same]), RangeError, "for zeros only");
  const wrong: never[] = JSON.parse('["conv"]');
  assertThrows(() => toOnnx(wrong), TypeError, 'layers[0] must be a layer, but is "conv"');
});
