import { nearestName } from "../base/checks.ts";
import type { Engine } from "../engine/engine.ts";
import type { PaddingMode } from "../convolution/settings.ts";
import { type Algorithm, ALGORITHMS } from "../convolution/algorithm.ts";
import { Conv1d, Conv2d, Conv3d } from "../layers/conv.ts";
import type { ActivationOptions } from "../layers/activation.ts";
import { ACTIVATIONS, resolveActivation } from "../layers/activation.ts";
import {
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "../layers/conv_transpose.ts";
import type { ForwardOptions, Layer, LayerOptions } from "../layers/layer.ts";
import type { ConvSettings, Padding, Size, SizeOptions } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arguments, Flag } from "./args.ts";
import { asUsage, UsageError } from "./usage_error.ts";
import {
  checkNoMore,
  choiceFlag,
  integerFlag,
  integersFlag,
  numberFlag,
  parseInteger,
} from "./values.ts";

/** Which of the six layers. */
export interface LayerKind {
  /** As the class is called. */
  readonly name: string;
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
}

/** What must be known of a layer besides its options. */
export interface LayerSizes {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Size;
}

/** A layer as the command line describes it, before anything is allocated. */
export interface LayerSpec extends LayerSizes {
  readonly kind: LayerKind;
  readonly options: SizeOptions;
  readonly bias: boolean;
  readonly algorithm: Algorithm | undefined;
  readonly activation: ActivationOptions;
  readonly seed: number;
  /** The output's size for transposed layers, where it is given. */
  readonly outputSize: Size | undefined;
}

const PADDING_MODES: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

const KINDS: readonly LayerKind[] = [false, true].flatMap((transposed) =>
  ([1, 2, 3] as const).map((rank) => ({
    name: `Conv${transposed ? "Transpose" : ""}${rank}d`,
    transposed,
    rank,
  }))
);

/** The flags that describe a layer. */
export const LAYER_FLAGS: readonly Flag[] = [
  { name: "in-channels", value: "n", description: "channels of the input" },
  { name: "out-channels", value: "n", description: "channels of the output" },
  { name: "kernel-size", value: "sizes", description: "one number, or one per axis: 3 or 3,5" },
  { name: "stride", value: "sizes", description: "default 1" },
  {
    name: "padding",
    value: "sizes",
    description: 'sizes, "same", "valid", or begin:end per axis: 1:0,2:2; default 0',
  },
  { name: "dilation", value: "sizes", description: "default 1" },
  { name: "groups", value: "n", description: "default 1" },
  { name: "no-bias", description: "the layer has no bias" },
  {
    name: "padding-mode",
    value: "mode",
    description: `${PADDING_MODES.join(", ")} (not for transposed layers)`,
  },
  { name: "output-padding", value: "sizes", description: "only for transposed layers; default 0" },
  {
    name: "output-size",
    value: "sizes",
    description: "only for transposed layers; in place of --output-padding",
  },
  {
    name: "algorithm",
    value: "name",
    description: `${ALGORITHMS.join(", ")}; default auto`,
  },
  { name: "activation", value: "name", description: `${ACTIVATIONS.join(", ")}; default none` },
  { name: "negative-slope", value: "x", description: "slope of leakyRelu; default 0.01" },
];

/**
 * The layer that a command line names.
 *
 * @param word Its name in any spelling: `conv2d`, `Conv2d`, `conv-transpose2d`.
 * @throws {UsageError} If there is no such layer.
 */
export function parseLayerKind(word: string | undefined): LayerKind {
  const names = KINDS.map(({ name }) => name.toLowerCase());
  const expected = `expected ${names.join(", ")}`;
  if (word === undefined) throw new UsageError(`Name a layer, ${expected}`);
  const plain = word.toLowerCase().replaceAll(/[-_]/g, "");
  const kind = KINDS[names.indexOf(plain)];
  if (kind !== undefined) return kind;
  const guess = nearestName(plain, names);
  throw new UsageError(
    `Unknown layer "${word}", ${guess === undefined ? expected : `did you mean "${guess}"?`}`,
  );
}

/**
 * The layer that a command line describes.
 *
 * @param args The command line.
 * @param kind Which layer.
 * @param inferred Sizes for where a flag is missing, such as those of a weight file.
 * @returns The description; {@linkcode settingsOf} checks the numbers.
 * @throws {UsageError} If a flag is wrong, missing, or not for this layer.
 */
export function parseLayer(
  args: Arguments,
  kind: LayerKind,
  inferred: Partial<LayerSizes>,
): LayerSpec {
  checkFlagsOfKind(args, kind);
  const inChannels = integerFlag(args, "in-channels", 1) ?? inferred.inChannels;
  const outChannels = integerFlag(args, "out-channels", 1) ?? inferred.outChannels;
  const kernelSize = sizeFlag(args, "kernel-size") ?? inferred.kernelSize;
  if (inChannels === undefined) throw missing("in-channels");
  if (outChannels === undefined) throw missing("out-channels");
  if (kernelSize === undefined) throw missing("kernel-size");
  return {
    kind,
    inChannels,
    outChannels,
    kernelSize,
    options: parseSizeOptions(args, kind),
    bias: !args.switches.has("no-bias"),
    algorithm: choiceFlag(args, "algorithm", ALGORITHMS),
    activation: parseActivation(args),
    seed: integerFlag(args, "seed", 0) ?? 0,
    outputSize: sizeFlag(args, "output-size"),
  };
}

/** A layer and the shape of what it is applied to. */
export interface ShapedLayer {
  readonly kind: LayerKind;
  readonly inputShape: readonly number[];
  readonly spec: LayerSpec;
}

/** How commands explain themselves that take a layer and an input shape. */
export const SHAPED_LAYER_NOTES =
  `The layer is conv1d, conv2d, conv3d, convtranspose1d, convtranspose2d or convtranspose3d.
The channels of the input need not be said twice.`;

/**
 * A layer by name with an input shape, which also says how many channels the layer takes.
 *
 * @throws {UsageError} If a flag is wrong or missing.
 */
export function parseShapedLayer(args: Arguments): ShapedLayer {
  const kind = parseLayerKind(args.positionals[0]);
  checkNoMore(args, 1);
  const inputShape = integersFlag(args, "input-shape");
  if (inputShape === undefined) throw missing("input-shape");
  const channels = inputShape[inputShape.length - kind.rank - 1];
  const spec = parseLayer(args, kind, channels === undefined ? {} : { inChannels: channels });
  return { kind, inputShape, spec };
}

function parseActivation(args: Arguments): ActivationOptions {
  const activation = choiceFlag(args, "activation", ACTIVATIONS);
  const negativeSlope = numberFlag(args, "negative-slope", -1e6, 1e6);
  const options = {
    ...(activation === undefined ? {} : { activation }),
    ...(negativeSlope === undefined ? {} : { negativeSlope }),
  };
  asUsage(() => resolveActivation("Option --negative-slope", options));
  return options;
}

/**
 * The settings of a described layer, checked.
 *
 * @throws {UsageError} If a value is out of range or the values do not fit each other.
 */
export function settingsOf({ kind, options, ...sizes }: LayerSpec): ConvSettings {
  return asUsage(() => resolveSettings({ ...kind, ...sizes }, options, Object.keys(options)));
}

/** Builds a described layer; its weights are drawn from the seed. */
export function buildLayer(spec: LayerSpec, engine: Engine): Layer {
  const { kind, inChannels, outChannels, kernelSize, options, bias, algorithm, seed } = spec;
  const common: LayerOptions = {
    ...options,
    ...spec.activation,
    ...algorithm === undefined ? {} : { algorithm },
    bias,
    seed,
    engine,
  };
  if (kind.transposed) {
    const Class = { 1: ConvTranspose1d, 2: ConvTranspose2d, 3: ConvTranspose3d }[kind.rank];
    return new Class(inChannels, outChannels, kernelSize, common);
  }
  const Class = { 1: Conv1d, 2: Conv2d, 3: Conv3d }[kind.rank];
  return new Class(inChannels, outChannels, kernelSize, common);
}

/** Runs a layer's forward pass; the output size is for transposed layers. */
export async function applyLayer(
  layer: Layer,
  input: Tensor,
  outputSize: Size | undefined,
  options: ForwardOptions = {},
): Promise<Tensor> {
  return layer instanceof ConvTranspose && outputSize !== undefined
    ? await layer.forward(input, { ...options, outputSize })
    : await layer.forward(input, options);
}

function parseSizeOptions(args: Arguments, { rank }: LayerKind): SizeOptions {
  const options = {
    stride: sizeFlag(args, "stride"),
    padding: paddingFlag(args, rank),
    dilation: sizeFlag(args, "dilation"),
    groups: integerFlag(args, "groups", 1),
    paddingMode: choiceFlag(args, "padding-mode", PADDING_MODES),
    outputPadding: sizeFlag(args, "output-padding"),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function sizeFlag(args: Arguments, name: string): Size | undefined {
  const numbers = integersFlag(args, name);
  return numbers?.length === 1 ? numbers[0] : numbers;
}

/** One number or pair is for all axes, as with the other sizes. */
function paddingFlag({ values }: Arguments, rank: number): Padding | undefined {
  const text = values.get("padding");
  if (text === undefined || text === "same" || text === "valid") return text;
  const parts = text.split(",").map((part) => {
    const [begin = "", end, ...more] = part.split(":");
    if (more.length > 0) {
      throw new UsageError(`Option "--padding" has a pair with 3 ends: "${part}"`);
    }
    const first = parseInteger("padding", begin);
    return end === undefined ? first : [first, parseInteger("padding", end)] as const;
  });
  const [only] = parts;
  if (parts.length !== 1 || only === undefined) return parts;
  return typeof only === "number" ? only : new Array<typeof only>(rank).fill(only);
}

function checkFlagsOfKind({ values }: Arguments, { name, transposed }: LayerKind): void {
  const foreign = transposed ? ["padding-mode"] : ["output-padding", "output-size"];
  for (const flag of foreign) {
    if (values.has(flag)) throw new UsageError(`${name} has no option "--${flag}"`);
  }
}

function missing(flag: string): UsageError {
  return new UsageError(`Option "--${flag}" is missing`);
}
