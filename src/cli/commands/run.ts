import { describeShape } from "../../base/checks.ts";
import type { Engine } from "../../engine/engine.ts";
import { multiplyAdds, weightShape } from "../../convolution/geometry.ts";
import { peekNpy, writeNpy } from "../../io/arrays/npy.ts";
import type { Call } from "../../layers/call.ts";
import { resolveCall } from "../../layers/call.ts";
import type { ForwardOptions, Layer } from "../../layers/layer.ts";
import type { ConvSettings } from "../../convolution/settings.ts";
import { checkShape, countElements, sameShape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import type { LayerKind, LayerSizes, LayerSpec } from "../layer_options.ts";
import {
  applyLayer,
  buildLayer,
  LAYER_FLAGS,
  parseLayer,
  parseLayerKind,
  settingsOf,
} from "../layer_options.ts";
import { checkMemory, memoryLimit } from "../memory.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds, gigaflops, median } from "../report.ts";
import { asUsage, UsageError } from "../usage_error.ts";
import { checkNoMore, integerFlag, integersFlag } from "../values.ts";

/** Runs one layer over an array. */
export const runCommand: Command = {
  name: "run",
  summary: "Run a layer over an array from a .npy file",
  usage: "<layer> --input <x.npy> [options]",
  flags: [
    { name: "input", value: "x.npy", description: "the input, (N, C, ...) or (C, ...)" },
    {
      name: "input-shape",
      value: "sizes",
      description: "in place of --input: random values of this shape",
    },
    { name: "output", value: "y.npy", description: "where to write the output" },
    {
      name: "weight",
      value: "w.npy",
      description: "the weight; its shape says channels and kernel",
    },
    {
      name: "bias",
      value: "b.npy",
      description: "the bias; with --weight and without it there is none",
    },
    ...LAYER_FLAGS,
    { name: "seed", value: "n", description: "for weights and input that are drawn; default 0" },
    ...ENGINE_FLAGS,
    {
      name: "repeat",
      value: "n",
      description: "time n calls after a first one, into its output; print their median",
    },
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `The layer is conv1d, conv2d, conv3d, convtranspose1d, convtranspose2d or convtranspose3d.
Shapes are those of torch.nn: weight (out, in / groups, k...), transposed (in, out / groups, k...).
Without --repeat the time is that of a single call, which generates code too.

Examples:
  tileconv run conv2d --input x.npy --out-channels 33 --kernel-size 3,5 --padding 4,2 --output y.npy
  tileconv run conv1d --input x.npy --weight w.npy --bias b.npy --stride 2 --output y.npy
  tileconv run conv2d --input-shape 1,64,56,56 --out-channels 64 --kernel-size 3 --repeat 20`,
  run: runLayer,
};

/** An array that is known but not there yet. */
interface Source {
  readonly shape: readonly number[];
  /** The bytes of its file; 0 without one. */
  readonly fileBytes: number;
  read(): Promise<Tensor>;
}

/** The arrays that come from files or the seed. */
interface Sources {
  readonly input: Source;
  readonly weight: Source | null;
  readonly bias: Source | null;
}

async function runLayer(args: Arguments, output: Output): Promise<number> {
  const kind = parseLayerKind(args.positionals[0]);
  checkNoMore(args, 1);
  checkSources(args);
  const repeat = integerFlag(args, "repeat", 1, 1_000_000);
  const limit = memoryLimit(args);
  const sources = await findSources(args);
  const spec = parseRun(args, kind, sources);
  const settings = settingsOf(spec);
  checkParameters(args, settings, sources);
  const call = resolveInput(args, spec, settings, sources.input.shape);
  const target = args.values.get("output");
  const copies = {
    input: 1 + (repeat === undefined ? 1 : REPEATED_COPIES),
    output: target ? 2 : 1,
  };
  checkMemory(limit, kind.name, arrayBytes(sources, settings, call, copies));
  using engine = await startEngine(args);
  const layer = buildLayer(spec, engine);
  await setParameters(layer, sources);
  const input = await sources.input.read();
  const { result, seconds } = await time(layer, input, spec, repeat, output);
  if (target !== undefined) await writeNpy(target, result);
  report(args, output, { layer, engine, call, input, result, seconds, repeat });
  return 0;
}

/** A call in pieces copies its input; of many calls so many copies wait for the collector. */
const REPEATED_COPIES = 3;

/**
 * What the arrays of a run take.
 *
 * @param copies How many times the input and the output are there, besides the input's file; the output is
 * encoded as a whole.
 */
function arrayBytes(
  { input, weight, bias }: Sources,
  settings: ConvSettings,
  { outputShape }: Call,
  copies: Readonly<Record<"input" | "output", number>>,
): number {
  const floats = (shape: readonly number[]) =>
    Float32Array.BYTES_PER_ELEMENT * shape.reduce((product, size) => product * size, 1);
  const parameters = [weight, bias]
    .reduce((sum, source) => sum + (source ? source.fileBytes + floats(source.shape) : 0), 0);
  return input.fileBytes + copies.input * floats(input.shape) +
    copies.output * floats(outputShape) +
    parameters + floats(weightShape(settings));
}

function checkSources({ values, switches }: Arguments): void {
  if (values.has("input") && values.has("input-shape")) {
    throw new UsageError('Options "--input" and "--input-shape" exclude each other');
  }
  if (values.has("bias") && switches.has("no-bias")) {
    throw new UsageError('Options "--bias" and "--no-bias" exclude each other');
  }
}

async function findSources(args: Arguments): Promise<Sources> {
  const find = async (flag: string) => {
    const path = args.values.get(flag);
    return path === undefined ? null : await peekNpy(path);
  };
  return {
    input: await find("input") ?? randomInput(args),
    weight: await find("weight"),
    bias: await find("bias"),
  };
}

function randomInput(args: Arguments): Source {
  const shape = integersFlag(args, "input-shape");
  if (shape === undefined) throw new UsageError('Option "--input" is missing (or "--input-shape")');
  const seed = integerFlag(args, "seed", 0) ?? 0;
  asUsage(() => countElements("--input-shape", "an input", checkShape("--input-shape", shape)));
  return { shape, fileBytes: 0, read: () => Promise.resolve(Tensor.randn(shape, { seed })) };
}

/** The description of the layer; what no flag says comes from the weight file and the input. */
function parseRun(args: Arguments, kind: LayerKind, { input, weight, bias }: Sources): LayerSpec {
  const channels = input.shape[input.shape.length - kind.rank - 1];
  const inferred = weight === null
    ? channels === undefined ? {} : { inChannels: channels }
    : sizesOfWeight(args, kind, weight);
  const spec = parseLayer(args, kind, inferred);
  return { ...spec, bias: spec.bias && (weight === null || bias !== null) };
}

function sizesOfWeight(args: Arguments, kind: LayerKind, weight: Source): LayerSizes {
  const [first = 0, second = 0, ...kernelSize] = weight.shape;
  if (kernelSize.length !== kind.rank) {
    throw new RangeError(
      `"${args.values.get("weight")}": the weight of ${kind.name} has ${kind.rank + 2} axes, but ` +
        `the file has shape ${describeShape(weight.shape)}`,
    );
  }
  const groups = integerFlag(args, "groups", 1) ?? 1;
  return kind.transposed
    ? { inChannels: first, outChannels: second * groups, kernelSize }
    : { inChannels: second * groups, outChannels: first, kernelSize };
}

function checkParameters(args: Arguments, settings: ConvSettings, { weight, bias }: Sources): void {
  const check = (name: string, source: Source | null, shape: readonly number[]) => {
    if (source === null || sameShape(source.shape, shape)) return;
    throw new RangeError(
      `"${args.values.get(name)}": the ${name} of this ${settings.name} has shape ` +
        `${describeShape(shape)}, but the file has ${describeShape(source.shape)}`,
    );
  };
  check("weight", weight, weightShape(settings));
  check("bias", bias, [settings.outChannels]);
}

/** Fixes every size before anything is computed: a wrong shape is then the input's fault. */
function resolveInput(
  args: Arguments,
  { inChannels, outputSize }: LayerSpec,
  settings: ConvSettings,
  inputShape: readonly number[],
): Call {
  const path = args.values.get("input");
  const resolve = () =>
    resolveCall(settings, inputShape, outputSize, `the layer is for ${inChannels}`);
  if (path === undefined) return asUsage(resolve);
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`"${path}": ${error.message}`, { cause: error });
  }
}

async function setParameters(layer: Layer, { weight, bias }: Sources): Promise<void> {
  if (weight !== null) layer.weight.data.set((await weight.read()).data);
  if (bias !== null) layer.bias?.data.set((await bias.read()).data);
}

async function time(
  layer: Layer,
  input: Tensor,
  { outputSize }: LayerSpec,
  repeat: number | undefined,
  output: Output,
): Promise<{ result: Tensor; seconds: number }> {
  using progress = startProgress("calls", 1 + (repeat ?? 0), output.terminal);
  const timed = async (options: ForwardOptions) => {
    const begin = performance.now();
    const result = await applyLayer(layer, input, outputSize, options);
    const seconds = (performance.now() - begin) / 1e3;
    progress.advance();
    return { result, seconds };
  };
  const first = await timed({});
  if (repeat === undefined) return first;
  // New outputs would be collected only now and then, and take many times the memory.
  const options = { out: first.result };
  const seconds: number[] = [];
  for (let call = 0; call < repeat; call++) seconds.push((await timed(options)).seconds);
  return { result: first.result, seconds: median(seconds) };
}

interface Outcome {
  readonly layer: Layer;
  readonly engine: Engine;
  readonly call: Call;
  readonly input: Tensor;
  readonly result: Tensor;
  readonly seconds: number;
  readonly repeat: number | undefined;
}

function report(args: Arguments, output: Output, outcome: Outcome): void {
  const { layer, engine, call, input, result, seconds, repeat } = outcome;
  const speed = gigaflops(multiplyAdds(call.geometry), seconds);
  if (args.switches.has("json")) {
    output.print(formatJson({
      layer: String(layer),
      inputShape: input.shape,
      outputShape: result.shape,
      seconds,
      repeat: repeat ?? 1,
      gflops: speed,
      threads: engine.threads,
      ...codeOf(engine),
    }));
    return;
  }
  const source = args.values.get("input") ?? "random values";
  const target = args.values.get("output");
  const timing = repeat === undefined ? "one call" : `median of ${repeat}`;
  output.print(formatFields([
    ["layer", String(layer)],
    ["input", `${describeShape(input.shape)}, ${source}`],
    ["output", `${describeShape(result.shape)}${target === undefined ? "" : `, ${target}`}`],
    ["time", `${formatSeconds(seconds)}, ${timing}`],
    ["speed", `${speed.toPrecision(3)} GFLOP/s`],
    ["threads", String(engine.threads)],
    ["backend", describeCode(codeOf(engine))],
  ]));
}
