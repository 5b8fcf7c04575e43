import { assert, assertEquals } from "@std/assert";
import type { Geometry } from "../../src/convolution/geometry.ts";
import { geometryOf } from "../../src/convolution/geometry.ts";
import { reference } from "../../src/convolution/formula.ts";
import { Conv1d, Conv2d, Conv3d } from "../../src/layers/conv.ts";
import { ConvTranspose2d, ConvTranspose3d } from "../../src/layers/conv_transpose.ts";
import type { Layer } from "../../src/layers/layer.ts";
import { resolveSettings } from "../../src/convolution/settings.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { relativeError } from "../_arbitrary.ts";

// The worked examples of the torch.nn documentation.

const TOLERANCE = 1e-5;

/** Output channels that are compared: the first, one in the middle and the last, at a block's edge. */
const COMPARED_CHANNELS = [0, 16, 32];

/**
 * Compares some output channels of the first and the last image with the reference: the whole would take
 * the plain loops minutes.
 */
function assertComputes(layer: Layer, input: Tensor, output: Tensor): void {
  const [batch = 0, inChannels = 0, ...spatial] = input.shape;
  const outChannels = layer.outChannels;
  const plane = output.size / batch / outChannels;
  const geometry = oneChannelGeometry(layer, spatial);
  for (const image of new Set([0, batch - 1])) {
    const size = input.size / batch;
    const item = input.data.subarray(image * size, (image + 1) * size);
    for (const channel of COMPARED_CHANNELS.filter((channel) => channel < outChannels)) {
      const expected = reference(geometry, {
        input: item,
        weight: kernelsOf(layer, channel, inChannels),
        bias: Float32Array.of(layer.bias?.data[channel] ?? 0),
      });
      const from = (image * outChannels + channel) * plane;
      const error = relativeError(output.data.subarray(from, from + plane), expected);
      assert(error <= TOLERANCE, `The relative error is ${error}`);
    }
  }
}

/** The geometry of one image and one output channel of a layer. */
function oneChannelGeometry(layer: Layer, spatial: readonly number[]): Geometry {
  const transposed = layer instanceof ConvTranspose2d || layer instanceof ConvTranspose3d;
  const { inChannels, kernelSize, stride, padding, dilation } = layer;
  const rank = kernelSize.length === 1 ? 1 : kernelSize.length === 2 ? 2 : 3;
  const subject = { name: "one channel", transposed, rank, inChannels, outChannels: 1, kernelSize };
  const options = { stride, padding, dilation };
  const settings = resolveSettings({ ...subject, rank }, options, Object.keys(options));
  return geometryOf(settings, 1, spatial);
}

/** The weights of one output channel, one kernel per input channel. */
function kernelsOf(layer: Layer, channel: number, inChannels: number): Float32Array {
  const { data, size } = layer.weight;
  const taps = size / inChannels / layer.outChannels;
  if (!(layer instanceof ConvTranspose2d || layer instanceof ConvTranspose3d)) {
    return data.slice(channel * inChannels * taps, (channel + 1) * inChannels * taps);
  }
  const kernels = new Float32Array(inChannels * taps);
  for (let ic = 0; ic < inChannels; ic++) {
    const from = (ic * layer.outChannels + channel) * taps;
    kernels.set(data.subarray(from, from + taps), ic * taps);
  }
  return kernels;
}

interface Example {
  readonly name: string;
  readonly layer: Layer;
  readonly input: readonly number[];
  readonly output: readonly number[];
}

const EXAMPLES: readonly Example[] = [
  {
    name: "Conv1d with stride 2",
    layer: new Conv1d(16, 33, 3, { stride: 2, seed: 0 }),
    input: [20, 16, 50],
    output: [20, 33, 24],
  },
  {
    name: "Conv2d with a square kernel",
    layer: new Conv2d(16, 33, 3, { stride: 2, seed: 0 }),
    input: [20, 16, 50, 100],
    output: [20, 33, 24, 49],
  },
  {
    name: "Conv2d with unequal stride and padding",
    layer: new Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], seed: 0 }),
    input: [20, 16, 50, 100],
    output: [20, 33, 28, 100],
  },
  {
    name: "Conv2d with unequal stride, padding and dilation",
    layer: new Conv2d(16, 33, [3, 5], {
      stride: [2, 1],
      padding: [4, 2],
      dilation: [3, 1],
      seed: 0,
    }),
    input: [20, 16, 50, 100],
    output: [20, 33, 26, 100],
  },
  {
    name: "ConvTranspose2d with unequal stride and padding",
    layer: new ConvTranspose2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], seed: 0 }),
    input: [20, 16, 50, 100],
    output: [20, 33, 93, 100],
  },
  {
    name: "Conv3d with unequal stride and padding",
    layer: new Conv3d(16, 33, [3, 5, 2], { stride: [2, 1, 1], padding: [4, 2, 0], seed: 0 }),
    input: [20, 16, 10, 50, 100],
    output: [20, 33, 8, 50, 99],
  },
  {
    name: "ConvTranspose3d with unequal stride and padding",
    layer: new ConvTranspose3d(16, 33, [3, 5, 2], {
      stride: [2, 1, 1],
      padding: [0, 4, 2],
      seed: 0,
    }),
    input: [20, 16, 10, 50, 100],
    output: [20, 33, 21, 46, 97],
  },
];

for (const { name, layer, input, output } of EXAMPLES) {
  Deno.test(`The documentation's example computes the formula: ${name}`, async () => {
    const x = Tensor.randn(input, { seed: 0 });
    assertEquals(layer.outputShape(input), output);
    const y = await layer.forward(x);
    assertEquals(y.shape, output);
    assertComputes(layer, x, y);
  });
}

Deno.test("The documentation's example gives the size back: ConvTranspose2d after Conv2d", async () => {
  const down = new Conv2d(16, 16, 3, { stride: 2, padding: 1, seed: 0 });
  const up = new ConvTranspose2d(16, 16, 3, { stride: 2, padding: 1, seed: 1 });
  const x = Tensor.randn([1, 16, 12, 12], { seed: 2 });
  const h = await down.forward(x);
  assertEquals(h.shape, [1, 16, 6, 6]);
  assertComputes(down, x, h);
  const y = await up.forward(h, { outputSize: x.shape });
  assertEquals(y.shape, x.shape);
  assertEquals((await up.forward(h)).shape, [1, 16, 11, 11]);
  assertComputes(up, h, await up.forward(h));
});
