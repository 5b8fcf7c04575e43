import { describeShape, didYouMean, nearestName } from "../base/checks.ts";
import type { Engine } from "../engine/engine.ts";
import { type Algorithm, ALGORITHMS } from "../convolution/algorithm.ts";
import { Conv1d, Conv2d, Conv3d } from "../layers/conv.ts";
import type { ActivationOptions } from "../layers/activation.ts";
import { ACTIVATIONS } from "../layers/activation.ts";
import {
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "../layers/conv_transpose.ts";
import type { Layer } from "../layers/layer.ts";
import type { ForwardOptions, LayerOptions } from "../layers/options.ts";
import type { ConvSettings, Padding, Size, SizeOptions } from "../convolution/settings.ts";
import { PADDING_MODES, resolveSettings } from "../convolution/settings.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arguments, Flag } from "./args.ts";
import { asUsage, UsageError } from "./usage_error.ts";
import {
  axesFlag,
  checkAxes,
  checkExclusive,
  checkNoMore,
  choiceFlag,
  integerFlag,
  numberFlag,
  parseInteger,
  severalNumbers,
  shapeFlag,
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

const KINDS: readonly LayerKind[] = [false, true].flatMap((transposed) =>
  ([1, 2, 3] as const).map((rank) => ({
    name: `Conv${transposed ? "Transpose" : ""}${rank}d`,
    transposed,
    rank,
  }))
);

/** Whether a word is what the command line calls a layer. */
export function isLayerName(word: string): boolean {
  return KINDS.some(({ name }) => name.toLowerCase() === word.toLowerCase());
}

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
  const guess = nearestName(plain, names.filter((name) => couldMean(plain, name)));
  throw new UsageError(
    guess === undefined
      ? `There is no layer "${word}", ${expected}`
      : `There is no layer "${word}", did you mean "${guess}"?`,
  );
}

/** The number of axes is no slip of the finger, nor is whether the layer is transposed. */
function couldMean(word: string, name: string): boolean {
  const rank = /\d+/.exec(word)?.[0];
  const transposed = /^de|^up|tr/.test(word);
  return rank !== undefined && name.includes(rank) && transposed === name.includes("transpose");
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
  const kernelSize = sizeFlag(args, "kernel-size", kind, 1) ?? inferred.kernelSize;
  if (inChannels === undefined || outChannels === undefined || kernelSize === undefined) {
    const found = {
      "in-channels": inChannels,
      "out-channels": outChannels,
      "kernel-size": kernelSize,
    };
    throw missing(
      Object.entries(found).filter(([, value]) => value === undefined).map(([flag]) => flag),
    );
  }
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
    outputSize: outputSizeFlag(args, kind),
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
  const inputShape = shapeFlag(args, "input-shape");
  if (inputShape === undefined) throw missing(["input-shape"]);
  const inChannels = asUsage(() => channelsOf(kind, 'Option "--input-shape"', inputShape));
  return { kind, inputShape, spec: parseLayer(args, kind, { inChannels }) };
}

/**
 * The channels of an input.
 *
 * @param kind The layer that it is for.
 * @param source Where the shape comes from, as the beginning of a sentence.
 * @param shape The input's shape.
 * @throws {RangeError} If the layer takes inputs with another number of axes.
 */
export function channelsOf(
  { name, rank }: LayerKind,
  source: string,
  shape: readonly number[],
): number {
  const channels = shape[shape.length - rank - 1];
  if (channels !== undefined && shape.length <= rank + 2) return channels;
  const axes = ["D", "H", "W"].slice(3 - rank).join(", ");
  throw new RangeError(
    `${source}: ${name} takes inputs (N, C, ${axes}) or (C, ${axes}), of ${rank + 2} or ${
      rank + 1
    } ` +
      `axes, but this one has ${shape.length}: ${describeShape(shape)}`,
  );
}

function parseActivation(args: Arguments): ActivationOptions {
  const activation = choiceFlag(args, "activation", ACTIVATIONS);
  const negativeSlope = numberFlag(args, "negative-slope", -1e6, 1e6);
  const options = {
    ...(activation === undefined ? {} : { activation }),
    ...(negativeSlope === undefined ? {} : { negativeSlope }),
  };
  if (negativeSlope !== undefined && activation !== "leakyRelu") {
    throw new UsageError('Option "--negative-slope" goes with "--activation leakyRelu"');
  }
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

function parseSizeOptions(args: Arguments, kind: LayerKind): SizeOptions {
  const options = {
    stride: sizeFlag(args, "stride", kind, 1),
    padding: paddingFlag(args, kind),
    dilation: sizeFlag(args, "dilation", kind, 1),
    groups: integerFlag(args, "groups", 1),
    paddingMode: choiceFlag(args, "padding-mode", PADDING_MODES),
    outputPadding: sizeFlag(args, "output-padding", kind, 0),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function sizeFlag(
  args: Arguments,
  name: string,
  { rank }: LayerKind,
  least: number,
): Size | undefined {
  const numbers = axesFlag(args, name, rank, least);
  return numbers?.length === 1 ? numbers[0] : numbers;
}

/** The spatial sizes of the output, or its whole shape; which is for the call to check. */
function outputSizeFlag(args: Arguments, kind: LayerKind): Size | undefined {
  const sizes = shapeFlag(args, "output-size");
  return sizes === undefined || sizes.length > kind.rank
    ? sizes
    : sizeFlag(args, "output-size", kind, 1);
}

/** One number or pair is for all axes, as with the other sizes. */
function paddingFlag({ values }: Arguments, { rank }: LayerKind): Padding | undefined {
  const text = values.get("padding");
  if (text === undefined || text === "same" || text === "valid") return text;
  const expected =
    `${rank === 1 ? "a whole number such as 2" : severalNumbers(rank)}, pairs such ` +
    `as 1:0, "same" or "valid"`;
  const parts = text.split(",");
  if (parts.length === 1 && /^[a-z]/i.test(text)) {
    throw new UsageError(
      `Option "--padding" needs ${expected}, but has "${text}"${
        didYouMean(text, ["same", "valid"])
      }`,
    );
  }
  checkAxes("padding", parts, rank);
  const sizes = parts.map((part) => {
    const [begin = "", end, ...more] = part.split(":");
    if (more.length > 0) {
      throw new UsageError(
        `Option "--padding" has a pair with ${more.length + 2} ends: "${part}"`,
      );
    }
    const first = parseInteger("padding", begin, { expected, least: 0 });
    return end === undefined
      ? first
      : [first, parseInteger("padding", end, { expected, least: 0 })] as const;
  });
  const [only] = sizes;
  if (sizes.length !== 1 || only === undefined) return sizes;
  return typeof only === "number" ? only : new Array<typeof only>(rank).fill(only);
}

function checkFlagsOfKind({ values }: Arguments, { name, transposed }: LayerKind): void {
  const foreign = transposed ? ["padding-mode"] : ["output-padding", "output-size"];
  for (const flag of foreign) {
    if (values.has(flag)) throw new UsageError(`${name} has no option "--${flag}"`);
  }
  checkExclusive(values, "output-padding", "output-size");
}

function missing(flags: readonly string[]): UsageError {
  const names = flags.map((flag) => `"--${flag}"`);
  const last = names.at(-1);
  return new UsageError(
    names.length === 1
      ? `Option ${last} is missing`
      : `Options ${names.slice(0, -1).join(", ")} and ${last} are missing`,
  );
}
