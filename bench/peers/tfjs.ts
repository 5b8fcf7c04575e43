import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import type { Geometry } from "../../src/convolution/geometry.ts";
import type { Problem } from "../problem.ts";
import { floatValues } from "./float_values.ts";
import type { Peer } from "./peer.ts";

/**
 * TensorFlow.js on its WebAssembly SIMD backend. It computes in the order `(N, height, width, C)`:
 * input and weights are put into it beforehand, and the output is left in it.
 *
 * 1-D layers are given to it as images of one row, which is what `tf.conv1d` does.
 */
export class TensorFlow implements Peer {
  readonly name = "@tensorflow/tfjs-backend-wasm";
  readonly mostThreads = 1;
  #started: Promise<void> | null = null;

  async prepare(problem: Problem) {
    await (this.#started ??= startTensorFlow());
    const { geometry } = problem;
    checkSupport(geometry);
    const operands = operandsOf(problem);
    const compute = layerOf(geometry, operands);
    return {
      run: () => {
        const output = compute();
        const values = floatValues(output.dataSync());
        output.dispose();
        return values;
      },
      rowMajor: (values: Float32Array) => rowMajor(geometry, values),
      [Symbol.asyncDispose]: () => {
        tf.dispose([operands.x, operands.filter, operands.bias]);
        return Promise.resolve();
      },
    };
  }
}

/** Has TensorFlow.js compute in WebAssembly. */
export async function startTensorFlow(): Promise<void> {
  tf.enableProdMode();
  await tf.setBackend("wasm");
  await tf.ready();
}

/** Refuses what TensorFlow.js refuses only once it is called, or would compute as something else. */
function checkSupport({ rank, transposed, groups, inChannels, dilation, stride }: Geometry): void {
  const dilated = dilation.some((size) => size > 1);
  if (rank === 3) throw new Error("its 3-D kernels are plain loops without vectors (0.2 GFLOP/s)");
  if (groups > 1 && (groups !== inChannels || transposed)) throw new Error("it has no groups");
  if (transposed && dilated) throw new Error("it has no transposed layers with dilation");
  if (dilated && stride.some((size) => size > 1)) {
    throw new Error("it has no dilation with stride");
  }
}

interface Operands {
  readonly x: tf.Tensor4D;
  readonly filter: tf.Tensor4D;
  readonly bias: tf.Tensor1D;
}

function operandsOf({ geometry: g, input, weight, bias }: Problem): Operands {
  const [, inHeight, inWidth] = g.input;
  const [, height, width] = g.kernel;
  return tf.tidy(() => ({
    x: channelsLast(tf.tensor4d(input, [g.batch, g.inChannels, inHeight, inWidth])),
    filter: isDepthwise(g)
      // Channels and multiplier stay in this order.
      ? tf.transpose(
        tf.tensor4d(weight, [g.inChannels, g.outChannels / g.inChannels, height, width]),
        [2, 3, 0, 1],
      )
      // (out, in, ...), transposed (in, out, ...), becomes (..., in, out), transposed (..., out, in).
      : tf.transpose(
        tf.tensor4d(
          weight,
          g.transposed
            ? [g.inChannels, g.outChannels, height, width]
            : [g.outChannels, g.inChannels, height, width],
        ),
        [2, 3, 1, 0],
      ),
    bias: tf.tensor1d(bias ?? new Float32Array(g.outChannels)),
  }));
}

function isDepthwise({ groups }: Geometry): boolean {
  return groups > 1;
}

function channelsLast(tensor: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(tensor, [0, 2, 3, 1]);
}

function rowMajor({ batch, outChannels, output }: Geometry, values: Float32Array): Float32Array {
  const [, height, width] = output;
  return floatValues(tf.tidy(() => {
    const tensor = tf.tensor4d(values, [batch, height, width, outChannels]);
    return tf.transpose(tensor, [0, 3, 1, 2]).dataSync();
  }));
}

function layerOf(g: Geometry, { x, filter, bias }: Operands): () => tf.Tensor4D {
  const [, ...strides] = g.stride;
  const [, ...dilations] = g.dilation;
  if (isDepthwise(g)) {
    const pad = plainPadding(g);
    return () => tf.fused.depthwiseConv2d({ x, filter, strides, pad, dilations, bias });
  }
  const pad = explicitPadding(g);
  if (!g.transposed) return () => tf.fused.conv2d({ x, filter, strides, pad, dilations, bias });
  const [, outHeight, outWidth] = g.output;
  return () => {
    const shape: [number, number, number, number] = [g.batch, outHeight, outWidth, g.outChannels];
    const product = tf.conv2dTranspose(x, filter, shape, strides, pad);
    const sum = tf.add<tf.Tensor4D>(product, bias);
    product.dispose();
    return sum;
  };
}

function explicitPadding({ padBegin, padEnd }: Geometry): tf.backend_util.ExplicitPadding {
  const [, top, left] = padBegin;
  const [, bottom, right] = padEnd;
  return [[0, 0], [top, bottom], [left, right], [0, 0]];
}

/** Depthwise layers take no padding per border. */
function plainPadding(g: Geometry): number | "same" {
  const [, top, left] = g.padBegin;
  const [, bottom, right] = g.padEnd;
  if (top === bottom && left === right) {
    if (top === left) return top;
    // With stride 1 and an odd kernel this is what "same" means.
    if (g.input.every((size, axis) => size === g.output[axis])) return "same";
  }
  throw new Error("its depthwise layers have no such padding");
}
