import { describeBytes, describeShape } from "../../base/checks.ts";
import { multiplyAdds, weightShape } from "../../convolution/geometry.ts";
import { resolveCall } from "../../layers/call.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { LAYER_FLAGS, parseShapedLayer, settingsOf, SHAPED_LAYER_NOTES } from "../layer_options.ts";
import { formatCount, formatFields, formatJson } from "../report.ts";
import { asUsage } from "../usage_error.ts";

const BYTES_PER_ELEMENT = Float32Array.BYTES_PER_ELEMENT;

/** Says what a layer would do to an input, without computing or allocating it. */
export const shapeCommand: Command = {
  name: "shape",
  summary: "Print a layer's output shape, parameters, multiply-adds and bytes",
  usage: "<layer> --input-shape <sizes> [options]",
  flags: [
    { name: "input-shape", value: "sizes", description: "(N, C, ...) or (C, ...)" },
    ...LAYER_FLAGS.filter(({ name }) => name !== "algorithm"),
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `${SHAPED_LAYER_NOTES}

Example:
  tileconv shape conv2d --input-shape 20,16,50,100 --out-channels 33 --kernel-size 3,5 \\
    --stride 2,1 --padding 4,2 --dilation 3,1`,
  run: runShape,
};

function runShape(args: Arguments, output: Output): Promise<number> {
  const { kind, inputShape, spec } = parseShapedLayer(args);
  const settings = settingsOf(spec);
  const expected = `the layer is for ${spec.inChannels}`;
  const { geometry, outputShape } = asUsage(() =>
    resolveCall(settings, inputShape, spec.outputSize, expected)
  );
  const weights = count(weightShape(settings)) + (spec.bias ? spec.outChannels : 0);
  const figures = {
    layer: kind.name,
    inputShape,
    outputShape,
    parameters: weights,
    multiplyAdds: multiplyAdds(geometry),
    bytes: {
      parameters: weights * BYTES_PER_ELEMENT,
      input: count(inputShape) * BYTES_PER_ELEMENT,
      output: count(outputShape) * BYTES_PER_ELEMENT,
    },
  };
  output.print(args.switches.has("json") ? formatJson(figures) : describeFigures(figures));
  return Promise.resolve(0);
}

interface Figures {
  readonly layer: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly bytes: { readonly parameters: number; readonly input: number; readonly output: number };
}

function describeFigures(
  { layer, inputShape, outputShape, parameters, multiplyAdds, bytes }: Figures,
): string {
  return formatFields([
    ["layer", layer],
    ["input", `${describeShape(inputShape)}, ${describeBytes(bytes.input)}`],
    ["output", `${describeShape(outputShape)}, ${describeBytes(bytes.output)}`],
    ["parameters", `${formatCount(parameters)}, ${describeBytes(bytes.parameters)}`],
    ["multiply-adds", formatCount(multiplyAdds)],
  ]);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
