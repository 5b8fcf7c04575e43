/**
 * ONNX files of layers.
 *
 * @module
 */

import { describe } from "../base/checks.ts";
import { product, range } from "../base/numbers.ts";
import { weightShape } from "../convolution/geometry.ts";
import type { ConvSettings, PaddingMode, PaddingPair } from "../convolution/settings.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import { encodeOnnx } from "../io/models/onnx/encode.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from "../io/models/onnx/model.ts";
import { convolutionOf, Layer } from "../layers/layer.ts";

/** The version of the operators: the first in which padding repeats an input. */
const OPSET = 19;

const INPUT = "input";
const OUTPUT = "output";

/**
 * Makes an ONNX file of layers that follow each other, with their activations: the first one takes `input`, a batch of
 * any size, and the last one gives `output`.
 *
 * Source: https://onnx.ai/onnx/operators/, version 19.
 *
 * @param layers The layers, in their order, or by their names, which the nodes then get.
 * @returns The file.
 * @throws {TypeError} If one is no layer, or a lazy one that has not seen an input.
 * @throws {RangeError} If there is none, or one takes another number of channels or axes than the one before gives.
 *
 * @example
 * ```ts
 * import { Conv2d, ConvTranspose2d, Tensor } from "@tileconv/conv";
 * import { fromOnnx, toOnnx } from "@tileconv/conv/onnx";
 * import { assertEquals } from "@std/assert";
 *
 * const encode = new Conv2d(3, 8, 3, { stride: 2, padding: 1, activation: "relu" });
 * const decode = new ConvTranspose2d(8, 3, 4, { stride: 2, padding: 1 });
 * const network = fromOnnx(toOnnx({ encode, decode }));
 * const { output } = network.forwardSync(Tensor.randn([1, 3, 16, 16]));
 * assertEquals(output?.shape, [1, 3, 16, 16]);
 * ```
 */
export function toOnnx(
  layers: readonly Layer[] | Readonly<Record<string, Layer>>,
): Uint8Array<ArrayBuffer> {
  return encodeOnnx(modelOf(checkLayers(layers)));
}

function checkLayers(layers: unknown): (readonly [string, Layer])[] {
  if (typeof layers !== "object" || layers === null) {
    throw new TypeError(`toOnnx(): layers must be layers, but are ${describe(layers)}`);
  }
  const named = Object.entries(layers).map(([name, layer]) => {
    const described = Array.isArray(layers) ? `layers[${name}]` : JSON.stringify(name);
    if (layer instanceof Layer) {
      return [Array.isArray(layers) ? `layer${name}` : name, layer] as const;
    }
    throw new TypeError(`toOnnx(): ${described} must be a layer, but is ${describe(layer)}`);
  });
  if (named.length === 0) throw new RangeError("toOnnx(): there must be at least one layer");
  for (const [i, [name, layer]] of named.entries()) {
    const before = named[i - 1]?.[1];
    if (before !== undefined) checkFollows(name, settingsOf(before), settingsOf(layer));
  }
  return named;
}

function settingsOf(layer: Layer): ConvSettings {
  return convolutionOf(layer).settings;
}

function checkFollows(
  name: string,
  before: ConvSettings,
  { rank, inChannels }: ConvSettings,
): void {
  if (before.rank !== rank) {
    throw new RangeError(
      `toOnnx(): ${name} has ${rank} spatial axes, but the layer before it ${before.rank}`,
    );
  }
  if (before.outChannels !== inChannels) {
    throw new RangeError(
      `toOnnx(): ${name} takes ${inChannels} channels, but the layer before it gives ` +
        `${before.outChannels}`,
    );
  }
}

function modelOf(layers: readonly (readonly [string, Layer])[]): OnnxModel {
  const initializers = new Map<string, OnnxTensor>();
  const nodes: OnnxNode[] = [];
  let value = INPUT;
  for (const [i, [name, layer]] of layers.entries()) {
    const last = i === layers.length - 1 ? OUTPUT : `${name}/output`;
    nodes.push(...layerNodes({ name, layer, input: value, output: last }, initializers));
    value = last;
  }
  const first = layers[0]?.[1];
  const end = layers.at(-1)?.[1];
  return {
    opsets: new Map([["", OPSET]]),
    graph: {
      name: "tileconv",
      nodes,
      initializers,
      inputs: [{ name: INPUT, kind: "float", shape: openShape(first, "inChannels", "in") }],
      outputs: [{ name: OUTPUT, kind: "float", shape: openShape(end, "outChannels", "out") }],
    },
  };
}

/** Any batch, and any size. */
function openShape(
  layer: Layer | undefined,
  channels: "inChannels" | "outChannels",
  name: string,
): (number | string)[] {
  if (layer === undefined) return [];
  const settings = settingsOf(layer);
  return ["batch", settings[channels], ...range(settings.rank).map((axis) => `${name}${axis}`)];
}

/** A layer between two values. */
interface Link {
  readonly name: string;
  readonly layer: Layer;
  readonly input: string;
  readonly output: string;
}

function layerNodes(
  { name, layer, input, output }: Link,
  initializers: Map<string, OnnxTensor>,
): OnnxNode[] {
  const { settings, activation } = convolutionOf(layer);
  const nodes: OnnxNode[] = [];
  const constant = (what: string, tensor: OnnxTensor) => {
    const full = `${name}.${what}`;
    initializers.set(full, tensor);
    return full;
  };
  let value = input;
  const { padding } = settings;
  if (needsPad(settings) && padding !== "same") {
    const pads = constant(
      "pads",
      integers([0, 0, ...padsOf(padding, 0), 0, 0, ...padsOf(padding, 1)]),
    );
    const mode = PAD_MODES[settings.paddingMode];
    nodes.push(node(`${name}/pad`, "Pad", [value, pads], `${name}/padded`, { mode: text(mode) }));
    value = `${name}/padded`;
  }
  const weight = constant("weight", floats(weightShape(settings), layer.weight.data));
  const inputs = [value, weight];
  if (layer.bias) inputs.push(constant("bias", floats([settings.outChannels], layer.bias.data)));
  const behind = activationNode(name, activation, `${name}/convolved`, output, constant);
  const operator = settings.transposed ? "ConvTranspose" : "Conv";
  const made = behind === null ? output : `${name}/convolved`;
  nodes.push(node(name, operator, inputs, made, convolutionAttributes(settings)));
  return behind === null ? nodes : [...nodes, behind];
}

/** What `Pad` calls the padding modes. */
const PAD_MODES: Readonly<Record<PaddingMode, string>> = {
  zeros: "constant",
  reflect: "reflect",
  replicate: "edge",
  circular: "wrap",
};

function needsPad({ paddingMode, padding }: ConvSettings): boolean {
  if (paddingMode === "zeros") return false;
  if (padding !== "same") return padding.some(([begin, end]) => begin + end > 0);
  throw new RangeError(
    `toOnnx(): padding "same" is written for zeros only, not for ${paddingMode}`,
  );
}

/** The begins, or the ends. */
function padsOf(pads: readonly PaddingPair[], end: 0 | 1): number[] {
  return pads.map((pair) => pair[end]);
}

function pads(pairs: readonly PaddingPair[]): OnnxAttribute {
  return ints([...padsOf(pairs, 0), ...padsOf(pairs, 1)]);
}

function convolutionAttributes(settings: ConvSettings): Record<string, OnnxAttribute> {
  const { transposed, groups, kernel, stride, dilation } = settings;
  return {
    kernel_shape: ints(kernel),
    strides: ints(stride),
    dilations: ints(dilation),
    group: { kind: "int", value: groups },
    ...(transposed ? transposedPadding(settings) : plainPadding(settings)),
  };
}

function plainPadding(settings: ConvSettings): Record<string, OnnxAttribute> {
  const { padding, kernel, stride, dilation } = settings;
  if (needsPad(settings)) return {};
  if (padding !== "same") return { pads: pads(padding) };
  // With a stride it depends on the input's size.
  if (stride.some((step) => step > 1)) return { auto_pad: text("SAME_UPPER") };
  return { pads: pads(kernel.map((taps, axis) => halves((taps - 1) * (dilation[axis] ?? 1)))) };
}

/** What is cut off the end need not be added there before: some runtimes add less than a stride only. */
function transposedPadding(settings: ConvSettings): Record<string, OnnxAttribute> {
  const cuts = cutsOf(settings);
  return {
    pads: pads(cuts.map(([begin, end]) => [begin, Math.max(0, end)])),
    output_padding: ints(cuts.map(([, end]) => Math.max(0, -end))),
  };
}

/** What is cut off the full result; less than nothing at the end where more is added there. */
function cutsOf({ padding, kernel, stride, dilation, outputPadding }: ConvSettings): PaddingPair[] {
  return kernel.map((taps, axis) => {
    const added = outputPadding[axis] ?? 0;
    if (padding !== "same") {
      const [begin, end] = padding[axis] ?? [0, 0];
      return [begin, end - added];
    }
    const excess = (taps - 1) * (dilation[axis] ?? 1) + 1 - (stride[axis] ?? 1);
    const [begin] = halves(Math.max(0, excess + added));
    return [begin, excess - begin];
  });
}

/** What is odd goes to the end. */
function halves(size: number): PaddingPair {
  return [Math.floor(size / 2), Math.ceil(size / 2)];
}

function activationNode(
  name: string,
  { activation, negativeSlope }: ActivationSettings,
  input: string,
  output: string,
  constant: (what: string, tensor: OnnxTensor) => string,
): OnnxNode | null {
  switch (activation) {
    case null:
      return null;
    case "relu":
      return node(`${name}/relu`, "Relu", [input], output, {});
    case "relu6": {
      const bounds = [0, 6].map((bound) => constant(`bound${bound}`, floats([], [bound])));
      return node(`${name}/relu6`, "Clip", [input, ...bounds], output, {});
    }
    case "leakyRelu": {
      const alpha = { kind: "float", value: negativeSlope } as const;
      return node(`${name}/leakyRelu`, "LeakyRelu", [input], output, { alpha });
    }
  }
}

function node(
  name: string,
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>>,
): OnnxNode {
  return {
    name,
    operator,
    domain: "",
    inputs,
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
  };
}

function ints(value: readonly number[]): OnnxAttribute {
  return { kind: "ints", value };
}

function text(value: string): OnnxAttribute {
  return { kind: "string", value };
}

function integers(numbers: readonly number[]): OnnxTensor {
  return { kind: "int", shape: [numbers.length], data: Float64Array.from(numbers) };
}

function floats(shape: readonly number[], numbers: ArrayLike<number>): OnnxTensor {
  const data = Float32Array.from(numbers);
  if (data.length !== product(shape)) {
    throw new TypeError("toOnnx(): a parameter has lost its values");
  }
  return { kind: "float", shape, data };
}
