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
  assertThrows(() => parseLayerKind("conv2"), UsageError, "did you mean");
  assertThrows(() => parseLayerKind("convtranpose2d"), UsageError, '"convtranspose2d"?');
  assertThrows(() => parseLayerKind("linear"), UsageError, "expected conv1d, conv2d, conv3d");
  assertThrows(() => parseLayerKind(undefined), UsageError, "Name a layer, expected conv1d");
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
  assertThrows(none, UsageError, 'Option "--in-channels" is missing');
});

Deno.test("parseLayer() rejects what is no number, no word of a list, or not for the layer", () => {
  const cases: readonly [string, string[], string][] = [
    ["conv2d", ["--stride", "a"], 'Option "--stride" needs whole numbers'],
    ["conv2d", ["--stride", "1.5"], "needs whole numbers"],
    ["conv2d", ["--stride", "1,"], "needs whole numbers"],
    ["conv2d", ["--stride", "99999999999999999999"], "needs whole numbers"],
    ["conv2d", ["--groups", "0"], 'Option "--groups" must be at least 1, but is 0'],
    ["conv2d", ["--padding", "1:2:3"], '"--padding"'],
    ["conv2d", ["--padding", "full"], 'Option "--padding" needs whole numbers'],
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
    [["--stride", "-1"], "stride must be an integer of at least 1"],
    [["--stride", "1,2,3"], "stride must have one number per spatial axis"],
    [["--groups", "3"], "inChannels must be divisible by groups"],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => settingsOf(parse("conv2d", ...args)), UsageError, message);
  }
});
