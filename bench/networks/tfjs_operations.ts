import * as tf from "@tensorflow/tfjs-core";
import { product } from "../../src/base/numbers.ts";
import type { OnnxNode, OnnxTensor } from "../../src/io/models/onnx/model.ts";
import { activationOf, type FusedStep } from "./tfjs_steps.ts";

type Constants = ReadonlyMap<string, OnnxTensor>;

type Operation = (inputs: readonly tf.Tensor[]) => tf.Tensor;

/** A step with its weights in place. */
interface Site extends FusedStep {
  readonly constants: Constants;
  /** Keeps a tensor of weights until the network is let go of. */
  readonly keep: <Kept extends tf.Tensor>(make: () => Kept) => Kept;
}

/**
 * What TensorFlow.js does for a step, channels last.
 *
 * @param kept Takes the tensors of the weights.
 * @throws If it is none that these networks have.
 */
export function operationOf(step: FusedStep, constants: Constants, kept: tf.Tensor[]): Operation {
  const operator = OPERATORS[step.node.operator];
  if (operator === undefined) throw new Error(`${step.node.operator} is not written in its terms`);
  const keep = <Kept extends tf.Tensor>(make: () => Kept): Kept => {
    const tensor = tf.tidy(make);
    kept.push(tensor);
    return tensor;
  };
  return operator({ ...step, constants, keep });
}

const OPERATORS: Readonly<Record<string, (site: Site) => Operation>> = {
  Conv: convolution,
  ConvTranspose: transposed,
  Gemm: product2d,
  MaxPool: ({ node }) => {
    const [size = 1] = intsOf(node, "kernel_shape", [1]);
    const [stride = 1] = intsOf(node, "strides", [1]);
    const [pad = 0] = intsOf(node, "pads", [0]);
    return ([x]) => tf.maxPool(image(x), size, stride, pad);
  },
  GlobalAveragePool: () => ([x]) => tf.mean(image(x), [1, 2], true),
  Flatten: () => ([x]) => {
    const { shape: [batch, height, width, channels] } = image(x);
    if (height * width > 1) throw new Error("channels last are not flattened as channels first");
    return tf.reshape(image(x), [batch, channels]);
  },
  Relu: () => ([x]) => tf.relu(image(x)),
  Clip: ({ node, constants }) => {
    if (activationOf(node, constants) !== "relu6") throw new Error("it clips from 0 to 6 alone");
    return ([x]) => tf.relu6(image(x));
  },
  Add: () => ([a, b]) => tf.add(image(a), image(b)),
  Sum: () => (inputs) => tf.addN([...inputs]),
  Concat: () => (inputs) => tf.concat(inputs.map(image), 3),
  Softmax: () => ([x]) => tf.softmax(image(x)),
  Upsample: ({ node, constants }) => {
    const [, , rows = 1, columns = 1] = constantOf(constants, node.inputs[1]).data;
    return ([x]) => {
      const { shape: [, height, width] } = image(x);
      return tf.image.resizeNearestNeighbor(image(x), [rows * height, columns * width]);
    };
  },
};

function image(x: tf.Tensor | undefined): tf.Tensor4D {
  if (x?.rank === 4) return x as tf.Tensor4D;
  throw new RangeError(`A picture with channels has four axes, not ${x?.rank}`);
}

function convolution(site: Site): Operation {
  const { node, activation, keep } = site;
  const { weight, bias: biasValues } = weightsOf(site);
  const [outChannels = 1, inGroup = 1] = weight.shape;
  const strides = pairOf(node, "strides");
  const dilations = pairOf(node, "dilations");
  const bias = keep(() => tf.tensor1d(biasValues));
  const groups = node.attributes.get("group");
  const isDepthwise = groups?.kind === "int" && groups.value > 1;
  if (isDepthwise && (inGroup > 1 || groups.value !== outChannels)) {
    throw new Error("it has no groups");
  }
  // A depthwise weight is (channels, 1, ...) and becomes (..., channels, 1).
  const order = isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0];
  const filter = keep(() => tf.transpose(filterOf(weight), order));
  if (isDepthwise) {
    const [top = 0, ...others] = intsOf(node, "pads", [0, 0, 0, 0]);
    if (others.some((size) => size !== top)) throw new Error("it pads all borders alike");
    const settings = { filter, strides, pad: top, dilations, bias, activation };
    return ([x]) => tf.fused.depthwiseConv2d({ x: image(x), ...settings });
  }
  const settings = { filter, strides, pad: paddingOf(node), dilations, bias, activation };
  return ([x]) => tf.fused.conv2d({ x: image(x), ...settings });
}

function transposed(site: Site): Operation {
  const { node, keep } = site;
  const { weight, bias: biasValues } = weightsOf(site);
  const [, outChannels = 1, rows = 1, columns = 1] = weight.shape;
  const [down = 1, along = 1] = pairOf(node, "strides");
  if (intsOf(node, "pads", []).some((size) => size > 0)) throw new Error("it is not padded here");
  const filter = keep(() => tf.transpose(filterOf(weight), [2, 3, 1, 0]));
  const bias = keep(() => tf.tensor1d(biasValues));
  return ([x]) => {
    const { shape: [batch, height, width] } = image(x);
    const sizes = [(height - 1) * down + rows, (width - 1) * along + columns] as const;
    return tf.tidy(() =>
      tf.add(
        tf.conv2dTranspose(
          image(x),
          filter,
          [batch, ...sizes, outChannels],
          [down, along],
          "valid",
        ),
        bias,
      )
    );
  };
}

function product2d({ node, constants, keep }: Site): Operation {
  const [, weight, bias] = node.inputs;
  const matrix = (name: string | undefined) => {
    const { data, shape } = constantOf(constants, name);
    return tf.tensor(Float32Array.from(data), [...shape]);
  };
  // With `transposeB` and a bias, its products of more than 64 terms or so are wrong.
  const b = keep(() => tf.transpose(matrix(weight)));
  const offset = keep(() => matrix(bias));
  return ([x]) => {
    if (x === undefined) throw new RangeError("A product has two factors");
    return tf.fused.matMul({ a: x, b, bias: offset });
  };
}

interface Weights {
  readonly weight: OnnxTensor;
  readonly bias: Float32Array;
}

/** The weights of a convolution, with the normalisation that comes behind it. */
function weightsOf({ node, norm, constants }: Site): Weights {
  const weight = constantOf(constants, node.inputs[1]);
  const isTransposed = node.operator === "ConvTranspose";
  const outChannels = weight.shape[isTransposed ? 1 : 0] ?? 0;
  const stated = constants.get(node.inputs[2] ?? "");
  const bias = Float32Array.from({ length: outChannels }, (_, i) => stated?.data[i] ?? 0);
  if (norm === null) return { weight, bias };
  const [scale, shift, mean, variance] = norm.inputs.slice(1).map((name) =>
    constantOf(constants, name).data
  );
  const epsilon = norm.attributes.get("epsilon");
  const least = epsilon?.kind === "float" ? epsilon.value : 1e-5;
  const factors = bias.map((_, i) => (scale?.[i] ?? 1) / Math.sqrt((variance?.[i] ?? 1) + least));
  const perChannel = product(weight.shape.slice(1));
  const data = Float32Array.from(
    weight.data,
    (value, i) => value * (factors[Math.floor(i / perChannel)] ?? 1),
  );
  return {
    weight: { kind: "float", shape: weight.shape, data },
    bias: bias.map((value, i) =>
      (value - (mean?.[i] ?? 0)) * (factors[i] ?? 1) + (shift?.[i] ?? 0)
    ),
  };
}

function filterOf({ data, shape }: OnnxTensor): tf.Tensor4D {
  const [first = 1, second = 1, height = 1, width = 1] = shape;
  return tf.tensor4d(Float32Array.from(data), [first, second, height, width]);
}

function constantOf(constants: Constants, name: string | undefined): OnnxTensor {
  const tensor = constants.get(name ?? "");
  if (tensor === undefined) throw new RangeError(`${name} is no constant`);
  return tensor;
}

function paddingOf(node: OnnxNode): "same" | tf.backend_util.ExplicitPadding {
  const auto = node.attributes.get("auto_pad");
  if (auto?.kind === "string" && auto.value === "SAME_UPPER") return "same";
  const [top = 0, left = 0, bottom = 0, right = 0] = intsOf(node, "pads", []);
  return [[0, 0], [top, bottom], [left, right], [0, 0]];
}

function pairOf(node: OnnxNode, name: string): [number, number] {
  const [rows = 1, columns = 1] = intsOf(node, name, []);
  return [rows, columns];
}

function intsOf(node: OnnxNode, name: string, usual: readonly number[]): readonly number[] {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "ints" ? attribute.value : usual;
}
