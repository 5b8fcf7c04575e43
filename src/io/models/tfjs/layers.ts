/**
 * What each kind of layer is as operators of ONNX, whose channels come before rows and columns.
 *
 * @module
 */

import { didYouMean } from "../../../base/checks.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import { quoted } from "../../quoted.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor, OnnxValueInfo } from "../onnx/model.ts";
import type { Layer } from "./topology.ts";
import { weightOf } from "./weights.ts";

/** What is made of layers. */
export interface Made {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  readonly inputs: OnnxValueInfo[];
}

/** Adds what a layer does; its output has the layer's name. */
type LayerKind = (layer: Layer, weights: ReadonlyMap<string, Tensor>, made: Made) => void;

/** The operators of the activations; "linear" is none. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: "Relu",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
};
const LINEAR = "linear";
const ACTIVATION_NAMES = [LINEAR, ...Object.keys(ACTIVATIONS)];

const INT = (value: number): OnnxAttribute => ({ kind: "int", value });
const INTS = (value: readonly number[]): OnnxAttribute => ({ kind: "ints", value });
const TEXT = (value: string): OnnxAttribute => ({ kind: "string", value });

/** Adds a node with one output. */
function add(
  made: Made,
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): void {
  made.nodes.push({
    name: output,
    operator,
    domain: "",
    inputs,
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
  });
}

/** Adds a constant. */
function addConstant(made: Made, name: string, { shape, data }: Tensor): string {
  made.initializers.set(name, { kind: "float", shape, data });
  return name;
}

/** The only input of a layer. */
function onlyInput({ kind, name, inputs }: Layer): string {
  const [input, ...others] = inputs;
  if (input !== undefined && others.length === 0) return input;
  throw new SyntaxError(
    `its layer ${quoted(name)} (${kind}) must have one input, but has ${inputs.length}`,
  );
}

/** Checks that channels come last, as everywhere in such models. */
function checkFormat({ config }: Layer): void {
  config.at("data_format").oneOf(["channels_last"]);
}

const input: LayerKind = ({ name, config }, _, { inputs }) => {
  const stated = config.at("batch_input_shape");
  const sizes = stated.list().map((size) => size.isMissing ? null : size.integer(1));
  const [batch = null, height = null, width = null, channels = null, ...others] = sizes;
  if (sizes.length < 4 || others.length > 0) {
    throw stated.fault("batch, rows, columns and channels");
  }
  config.at("dtype").oneOf(["float32"]);
  inputs.push({ name, kind: "float", shape: [batch, channels, height, width] });
};

const PADDINGS: Readonly<Record<string, string>> = { same: "SAME_UPPER", valid: "VALID" };

/** A number of channels of which nobody has more. */
const MOST_CHANNELS = 2 ** 20;

const convolution: LayerKind = (layer, weights, made) => {
  const { name, config } = layer;
  checkFormat(layer);
  const kernel = config.at("kernel_size").integers(2, 1);
  const groups = config.at("groups");
  const filters = config.at("filters").integer(1, MOST_CHANNELS);
  const kernelName = `${name}/kernel`;
  const inputs = weights.get(kernelName)?.shape[2] ?? 0;
  const weight = weightOf(weights, kernelName, [...kernel, inputs, filters]);
  const turned = Tensor.from(weight, { layout: "HWIO" });
  const operands = [onlyInput(layer), addConstant(made, kernelName, turned)];
  if (config.at("use_bias").boolean()) {
    const biasName = `${name}/bias`;
    operands.push(addConstant(made, biasName, weightOf(weights, biasName, [filters])));
  }
  const activation = config.at("activation").oneOf(ACTIVATION_NAMES);
  const output = activation === LINEAR ? name : `${name}/linear`;
  add(made, "Conv", operands, output, {
    kernel_shape: INTS(kernel),
    strides: INTS(config.at("strides").integers(2, 1)),
    dilations: INTS(config.at("dilation_rate").integers(2, 1)),
    group: INT(groups.isMissing ? 1 : groups.integer(1, MOST_CHANNELS)),
    auto_pad: TEXT(PADDINGS[config.at("padding").oneOf(Object.keys(PADDINGS))] ?? ""),
  });
  if (activation !== LINEAR) add(made, ACTIVATIONS[activation] ?? "", [output], name);
};

const activation: LayerKind = (layer, _, made) => {
  const stated = layer.config.at("activation").oneOf(ACTIVATION_NAMES);
  add(made, ACTIVATIONS[stated] ?? "Identity", [onlyInput(layer)], layer.name);
};

const concatenation: LayerKind = ({ name, config, inputs }, _, made) => {
  const axis = config.at("axis");
  const stated = axis.integer(-1, 3);
  if (stated !== -1 && stated !== 3) throw axis.fault("3 or -1, that of the channels");
  add(made, "Concat", inputs, name, { axis: INT(1) });
};

const sum: LayerKind = ({ name, inputs }, _, made) => add(made, "Sum", inputs, name);

const enlargement: LayerKind = (layer, _, made) => {
  const { name, config } = layer;
  checkFormat(layer);
  config.at("interpolation").oneOf(["nearest"]);
  const [rows = 1, columns = 1] = config.at("size").integers(2, 1);
  const scales = addConstant(made, `${name}/size`, Tensor.from([1, 1, rows, columns]));
  add(made, "Upsample", [onlyInput(layer), scales], name, { mode: TEXT("nearest") });
};

/** The kinds of layers that are known. */
const KINDS: Readonly<Record<string, LayerKind>> = {
  InputLayer: input,
  Conv2D: convolution,
  Activation: activation,
  Concatenate: concatenation,
  Add: sum,
  UpSampling2D: enlargement,
};

/**
 * Adds what a layer does.
 *
 * @throws {SyntaxError} If there is no such kind of layers, or the layer has a setting that is not known.
 */
export function addLayer(layer: Layer, weights: ReadonlyMap<string, Tensor>, made: Made): void {
  const { kind, name } = layer;
  const add = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (add === undefined) {
    throw new SyntaxError(
      `its layer ${quoted(name)} is of kind ${quoted(kind)}, which is not known here` +
        didYouMean(kind, Object.keys(KINDS)),
    );
  }
  add(layer, weights, made);
}
