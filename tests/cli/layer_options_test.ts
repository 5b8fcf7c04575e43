import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../src/cli/args.ts";
import type { LayerSpec } from "../../src/cli/layer_options.ts";
import {
  LAYER_FLAGS,
  parseLayer,
  parseLayerKind,
  settingsOf,
} from "../../src/cli/layer_options.ts";
import { UsageError } from "../../src/cli/usage_error.ts";

const SIZES = { inChannels: 4, outChannels: 6, kernelSize: 3 };

function parse(layer: string, ...args: string[]): LayerSpec {
  return parseLayer(parseArguments(args, LAYER_FLAGS), parseLayerKind(layer), SIZES);
}

Deno.test("parseLayerKind() knows the six layers in any spelling", () => {
  const spellings = {
    Conv1d: ["conv1d", "Conv1d", "CONV-1D"],
    Conv2d: ["conv2d", "conv_2d"],
    Conv3d: ["conv3d"],
    ConvTranspose1d: ["convtranspose1d", "ConvTranspose1d"],
    ConvTranspose2d: ["conv-transpose2d", "conv_transpose_2d"],
    ConvTranspose3d: ["convTranspose3d"],
  };
  for (const [name, words] of Object.entries(spellings)) {
    for (const word of words) assertEquals(parseLayerKind(word).name, name);
  }
});

Deno.test("parseLayerKind() says what was probably meant, or what there is", () => {
  const all = "expected conv1d, conv2d, conv3d, convtranspose1d, convtranspose2d, convtranspose3d";
  const cases: readonly (readonly [string | undefined, string])[] = [
    ["conv2", 'There is no layer "conv2", did you mean "conv2d"?'],
    ["convtranpose2d", 'There is no layer "convtranpose2d", did you mean "convtranspose2d"?'],
    ["convtranspose3", 'did you mean "convtranspose3d"?'],
    ["conv4d", `There is no layer "conv4d", ${all}`],
    ["conv10d", `There is no layer "conv10d", ${all}`],
    ["conv0d", `There is no layer "conv0d", ${all}`],
    ["conv", `There is no layer "conv", ${all}`],
    ["deconv2d", `There is no layer "deconv2d", ${all}`],
    ["linear", `There is no layer "linear", ${all}`],
    ["", `There is no layer "", ${all}`],
    [undefined, `Name a layer, ${all}`],
  ];
  for (const [word, message] of cases) {
    assertThrows(() => parseLayerKind(word), UsageError, message);
  }
});

Deno.test("parseLayer() reads every option of a convolution", () => {
  const spec = parse(
    "conv2d",
    ...["--in-channels", "8", "--out-channels", "12", "--kernel-size", "3,5"],
    ...["--stride", "2,1", "--padding", "4,2", "--dilation", "3,1", "--groups", "4", "--no-bias"],
    ...["--padding-mode", "circular", "--algorithm", "direct"],
    ...["--activation", "leakyRelu", "--negative-slope", "0.2"],
  );
  assertEquals(spec, {
    kind: { name: "Conv2d", transposed: false, rank: 2 },
    inChannels: 8,
    outChannels: 12,
    kernelSize: [3, 5],
    options: {
      stride: [2, 1],
      padding: [4, 2],
      dilation: [3, 1],
      groups: 4,
      paddingMode: "circular",
    },
    bias: false,
    algorithm: "direct",
    activation: { activation: "leakyRelu", negativeSlope: 0.2 },
    seed: 0,
    outputSize: undefined,
  });
});

Deno.test("parseLayer() reads what only transposed layers have", () => {
  const spec = parse("convtranspose1d", "--stride", "3", "--output-padding=2");
  assertEquals(spec.options, { stride: 3, outputPadding: 2 });
  assertEquals(parse("convtranspose2d", "--output-size", "12,13").outputSize, [12, 13]);
});

Deno.test("parseLayer() reads every kind of padding", () => {
  const cases = [
    ["conv2d", "2", 2],
    ["conv2d", "2,1", [2, 1]],
    ["conv2d", "same", "same"],
    ["conv2d", "valid", "valid"],
    ["conv2d", "1:0,2:2", [[1, 0], [2, 2]]],
    ["conv2d", "1:0,2", [[1, 0], 2]],
    ["conv2d", "1:0", [[1, 0], [1, 0]]],
    ["conv1d", "1:0", [[1, 0]]],
  ] as const;
  for (const [layer, text, padding] of cases) {
    assertEquals(parse(layer, "--padding", text).options.padding, padding);
  }
});

Deno.test("parseLayer() takes what no flag says from elsewhere and misses the rest", () => {
  assertEquals(parse("conv1d", "--out-channels=2").inChannels, 4);
  assertEquals(parse("convtranspose2d", "--algorithm=direct").algorithm, "direct");
  const none = () => parseLayer(parseArguments([], []), parseLayerKind("conv1d"), {});
  const all = 'Options "--in-channels", "--out-channels" and "--kernel-size" are missing';
  assertThrows(none, UsageError, all);
});

Deno.test("parseLayer() rejects what is no number, no word of a list, or not for the layer", () => {
  const cases: readonly [string, string[], string][] = [
    ["conv2d", ["--stride", "a"], '"--stride" needs whole numbers such as 2 or 2,1, but has "a"'],
    ["conv3d", ["--stride", "a"], "needs whole numbers such as 2 or 2,1,1, but"],
    ["conv1d", ["--stride", "a"], 'needs a whole number such as 2, but has "a"'],
    ["conv2d", ["--groups", "a"], 'needs a whole number such as 2, but has "a"'],
    ["conv2d", ["--groups", "2,1"], 'needs a whole number such as 2, but has "2,1"'],
    ["conv2d", ["--stride", "1.5"], "needs whole numbers"],
    ["conv2d", ["--stride", "1,"], "needs whole numbers"],
    ["conv2d", ["--stride", " 1"], "needs whole numbers"],
    ["conv2d", ["--stride", "0x10"], "needs whole numbers"],
    ["conv2d", ["--stride", "1e3"], "needs whole numbers"],
    ["conv2d", ["--stride", "\u0663"], "needs whole numbers"],
    ["conv2d", ["--stride", "-1"], 'Option "--stride" must be at least 1, but is -1'],
    ["conv2d", ["--stride", "1,2,3"], "takes one number, or one per axis (2), but has 3: 1,2,3"],
    ["conv1d", ["--dilation", "1,2"], 'Option "--dilation" takes one number, but has 2: 1,2'],
    ["conv2d", ["--padding", "1,2,3"], "takes one number, or one per axis (2), but has 3: 1,2,3"],
    [
      "conv2d",
      ["--stride", "99999999999999999999"],
      "must be at most 9007199254740991, but is 9999",
    ],
    ["conv2d", ["--groups", "36028797018963969"], "but is 36028797018963969"],
    ["conv2d", ["--groups", "0"], 'Option "--groups" must be at least 1, but is 0'],
    ["conv2d", ["--padding", "1:2:3"], 'has a pair with 3 ends: "1:2:3"'],
    ["conv2d", ["--padding", "1:2:3:4"], "has a pair with 4 ends"],
    ["conv2d", ["--padding", "1:"], "pairs such as 1:0"],
    ["conv2d", ["--padding", "-1"], 'Option "--padding" must be at least 0, but is -1'],
    ["conv2d", ["--padding", "full"], '"same" or "valid", but has "full"'],
    ["conv2d", ["--padding", "smae"], 'but has "smae", did you mean "same"?'],
    ["conv2d", ["--padding", "SAME"], 'did you mean "same"?'],
    ["conv2d", ["--padding", "val"], 'did you mean "valid"?'],
    ["conv2d", ["--padding-mode", "reflct"], 'but is "reflct", did you mean "reflect"?'],
    ["conv2d", ["--activation", "RELU"], 'did you mean "relu"?'],
    ["conv2d", ["--negative-slope", "0.1"], "goes with"],
    ["conv2d", ["--activation", "relu", "--negative-slope", "0.1"], "goes with"],
    ["conv2d", ["--activation", "leakyRelu", "--negative-slope", "NaN"], "must be a number from"],
    ["conv2d", ["--activation", "leakyRelu", "--negative-slope", "0x1"], "must be a number from"],
    ["convtranspose1d", ["--output-size", "9", "--output-padding", "1"], "exclude each other"],
    ["conv2d", ["--padding-mode", "mirror"], "must be zeros, reflect, replicate or circular"],
    ["conv2d", ["--algorithm", "fft"], 'Option "--algorithm" must be'],
    ["conv2d", ["--output-padding", "1"], 'Conv2d has no option "--output-padding"'],
    ["conv2d", ["--output-size", "1"], 'Conv2d has no option "--output-size"'],
    ["convtranspose2d", ["--padding-mode", "zeros"], 'has no option "--padding-mode"'],
  ];
  for (const [layer, args, message] of cases) {
    assertThrows(() => parse(layer, ...args), UsageError, message);
  }
});

Deno.test("settingsOf() makes a usage error of numbers that do not fit together", () => {
  const cases: readonly [string[], string][] = [
    [["--groups", "3"], "inChannels must be divisible by groups"],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => settingsOf(parse("conv2d", ...args)), UsageError, message);
  }
});
