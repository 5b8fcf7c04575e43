import { describeShape } from "../../base/checks.ts";
import { median } from "../../base/numbers.ts";
import { multiplyAdds, weightShape } from "../../convolution/geometry.ts";
import type { ConvSettings } from "../../convolution/settings.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Call } from "../../layers/call.ts";
import { resolveCall } from "../../layers/call.ts";
import type { Layer } from "../../layers/layer.ts";
import type { ForwardOptions } from "../../layers/options.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import type { ChosenFormat, Encoding } from "../arrays/array_format.ts";
import {
  checkFormat,
  encodeArrays,
  FORMAT_FLAGS,
  formatOf,
  sampleRateFlag,
} from "../arrays/array_format.ts";
import type { Source, Sources } from "../arrays/layer_files.ts";
import {
  checkParameters,
  checkSource,
  findSources,
  hintGroups,
  inputPaths,
  sizesOfWeight,
} from "../arrays/layer_files.ts";
import { readState } from "../arrays/layer_state.ts";
import type { LayerKind, LayerSpec } from "../layer_options.ts";
import {
  applyLayer,
  buildLayer,
  channelsOf,
  LAYER_FLAGS,
  parseLayer,
  parseLayerKind,
  settingsOf,
} from "../layer_options.ts";
import type { MemoryLimit } from "../memory.ts";
import { checkMemory, memoryLimit } from "../memory.ts";
import type { OutputFile } from "../output_file.ts";
import { outputsOf } from "../output_file.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds, gigaflops } from "../report.ts";
import { STANDARD_STREAM } from "../standard_streams.ts";
import { describeStatistics, statisticsOf } from "../statistics.ts";
import { integerFlag } from "../values.ts";

/** Runs one layer over arrays. */
export const runCommand: Command = {
  name: "run",
  summary: "Run a layer over arrays, pictures or sounds from files",
  usage: "<layer> <x.npy>... [--output <y.npy or folder>] [options]",
  flags: [
    {
      name: "input",
      value: "x.npy",
      repeatable: true,
      description: "an input, (N, C, ...) or (C, ...), as behind the layer",
    },
    {
      name: "input-shape",
      value: "sizes",
      description: "in place of an input: random values of this shape",
    },
    {
      name: "output",
      value: "y.npy",
      description: "where to write the output; a folder for several inputs",
    },
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
    {
      name: "weights",
      value: "model.pt",
      description: "in place of both: tensors by name, such as a state dict",
    },
    {
      name: "name",
      value: "layer",
      description: "what the layer is called in --weights, such as features.0",
    },
    {
      name: "input-name",
      value: "array",
      description: "which array of an input that holds several",
    },
    ...FORMAT_FLAGS,
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
Without --weight or --weights the weight and the bias are drawn from the seed.
Without --repeat the time is that of a single call, which generates code too.

Files are .npy, .npz, .safetensors and PyTorch's .pt and .pth, PNG and JPEG pictures, as (C, H, W)
from 0 to 1, and WAV sounds, as (channels, samples) from -1 to 1. They are read by what is in them
and written as the output's name says; without --format what goes into a folder is .npy. Pictures
keep what is from 0 to 1; sounds are written in float32, with the rate that the stride makes.
The path - is standard input or output; what is printed then goes to standard error.

Examples:
  tileconv run conv2d --input x.npy --out-channels 33 --kernel-size 3,5 --padding 4,2 --output y.npy
  tileconv run conv1d x.npy --weight w.npy --bias b.npy --stride 2 --output y.npy
  tileconv run conv1d in/*.npy --weight w.npy --output out/
  tileconv run conv2d photo.jpg --weights model.safetensors --name features.0 --output y.npy
  tileconv run conv1d in.wav --weight w.npy --padding same --output out.wav
  tileconv run conv2d --input-shape 1,64,56,56 --out-channels 64 --kernel-size 3 --repeat 20`,
  run: runLayer,
};

/** One input, and what is to be done with it. */
interface Job {
  readonly input: Source;
  readonly call: Call;
  readonly target: OutputFile | undefined;
  readonly encoding: Encoding;
}

async function runLayer(args: Arguments, output: Output): Promise<number> {
  const kind = parseLayerKind(args.positionals[0]);
  const repeat = integerFlag(args, "repeat", 1, 1_000_000);
  const limit = memoryLimit(args);
  const chosen = formatOf(args, args.values.get("output") ?? "");
  const targets = await findTargets(args, chosen);
  using files = new DisposableStack();
  const sources = await findSources(args, kind, { limit, files, warn: output.warn });
  const spec = parseRun(args, kind, sources);
  const settings = settingsOf(spec);
  checkParameters(settings, sources);
  const jobs = sources.inputs.map((input, index): Job => ({
    input,
    call: resolveInput(spec, settings, input, sources),
    target: targets[index],
    encoding: encodingOf(args, settings, input),
  }));
  if (targets.length > 0) {
    for (const { call, encoding } of jobs) checkFormat(chosen.format, call.outputShape, encoding);
  }
  checkArrays(limit, settings, sources, jobs, repeat);
  using engine = await startEngine(args);
  const layer = buildLayer(spec, engine);
  await setParameters(layer, sources);
  const figures: Figures[] = [];
  for (const job of jobs) {
    const { result, seconds } = await time(layer, await job.input.read(), spec, repeat, output);
    const { target, encoding } = job;
    await target?.write([await encodeArrays(chosen.format, { output: result }, encoding)]);
    figures.push(figuresOf(spec, sources, layer, engine, job, result, seconds, repeat));
  }
  report(args, output, figures, targets);
  return 0;
}

async function findTargets(
  args: Arguments,
  { file }: ChosenFormat,
): Promise<readonly OutputFile[]> {
  const target = args.values.get("output");
  if (target === undefined) return [];
  const inputs = inputPaths(args);
  return await outputsOf(inputs.length === 0 ? [STANDARD_STREAM] : inputs, target, file);
}

/** How the output of an input is written: a sound has fewer samples a second by the stride, or more. */
function encodingOf(
  args: Arguments,
  { transposed, stride }: ConvSettings,
  { encoding: { sampleRate, bitDepth } }: Source,
): Encoding {
  const [step = 1] = stride;
  const rate = sampleRate === undefined
    ? undefined
    : Math.max(1, Math.round(transposed ? sampleRate * step : sampleRate / step));
  return { sampleRate: sampleRateFlag(args) ?? rate, bitDepth };
}

/** A call in pieces copies its input; of many calls so many copies wait for the collector. */
const REPEATED_COPIES = 3;

/** Refuses inputs whose arrays would take too much memory. */
function checkArrays(
  limit: MemoryLimit,
  settings: ConvSettings,
  sources: Sources,
  jobs: readonly Job[],
  repeat: number | undefined,
): void {
  const once = repeat === undefined && jobs.length === 1;
  for (const job of jobs) {
    // The output is encoded as a whole.
    const outputs = (job.target === undefined ? 1 : 2) + (jobs.length === 1 ? 0 : REPEATED_COPIES);
    const copies = { input: once ? 2 : 1 + REPEATED_COPIES, output: outputs };
    const held = jobs.reduce((sum, { input }) => sum + input.heldBytes, 0);
    checkMemory(limit, settings.name, held + arrayBytes(settings, sources, job, copies));
  }
}

/**
 * What the arrays of a call take.
 *
 * @param copies How many times the input and the output are there, besides the input's file.
 */
function arrayBytes(
  settings: ConvSettings,
  { weight, bias }: Sources,
  { input, call }: Job,
  copies: Readonly<Record<"input" | "output", number>>,
): number {
  const floats = (shape: readonly number[]) =>
    Float32Array.BYTES_PER_ELEMENT * shape.reduce((product, size) => product * size, 1);
  const parameters = [weight, bias]
    .reduce(
      (sum, source) =>
        sum + (source ? source.fileBytes + source.heldBytes + floats(source.shape) : 0),
      0,
    );
  return input.fileBytes + copies.input * floats(input.shape) +
    copies.output * floats(call.outputShape) + parameters + floats(weightShape(settings));
}

/** The description of the layer; what no flag says comes from the weight file and the first input. */
function parseRun(args: Arguments, kind: LayerKind, { inputs, weight, bias }: Sources): LayerSpec {
  const channels = inputs.map((input) =>
    checkSource(input, () => channelsOf(kind, input.subject, input.shape))
  );
  const [inChannels = 1] = channels;
  const inferred = weight === null ? { inChannels } : sizesOfWeight(args, kind, weight);
  const spec = parseLayer(args, kind, inferred);
  return { ...spec, bias: spec.bias && (weight === null || bias !== null) };
}

/** Fixes every size before anything is computed: a wrong shape is then the input's fault. */
function resolveInput(
  spec: LayerSpec,
  settings: ConvSettings,
  input: Source,
  { weight }: Sources,
): Call {
  const inChannels = channelsOf(spec.kind, input.subject, input.shape);
  const hint = settings.transposed ? "" : hintGroups({ ...settings, inChannels }, weight);
  const expected = `the layer is for ${settings.inChannels}${hint}`;
  return checkSource(input, () => {
    try {
      return resolveCall(settings, input.shape, spec.outputSize, expected);
    } catch (error) {
      if (!(error instanceof RangeError) || input.name === null) throw error;
      throw new RangeError(`${input.subject}: ${error.message}`, { cause: error });
    }
  });
}

async function setParameters(layer: Layer, { weight, bias, state }: Sources): Promise<void> {
  if (state !== null) {
    layer.loadStateDict(await readState(state, layer.bias !== null), { prefix: state.prefix });
    return;
  }
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

type Figures = ReturnType<typeof figuresOf>;

/** What is known of a call that is done. */
function figuresOf(
  { seed }: LayerSpec,
  { weight, bias }: Sources,
  layer: Layer,
  engine: Engine,
  { input, call, target }: Job,
  result: Tensor,
  seconds: number,
  repeat: number | undefined,
) {
  const drawsParameters = weight === null || (bias === null && layer.bias !== null);
  return {
    layer: String(layer),
    weight: weight?.name ?? null,
    bias: bias?.name ?? null,
    hasBias: layer.bias !== null,
    seed: drawsParameters || input.name === null ? seed : null,
    input: input.name,
    inputShape: input.shape,
    output: target?.name ?? null,
    outputShape: result.shape,
    values: statisticsOf(result.data),
    seconds,
    repeat,
    gflops: gigaflops(multiplyAdds(call.geometry), seconds),
    threads: engine.threads,
    ...codeOf(engine),
  };
}

function report(
  args: Arguments,
  output: Output,
  figures: readonly Figures[],
  targets: readonly OutputFile[],
): void {
  const print = targets.some(({ isStandard }) => isStandard) ? output.warn : output.print;
  if (!args.switches.has("json")) {
    print(figures.map(describeFigures).join("\n\n"));
    return;
  }
  const list = figures.map((each) => ({ ...each, repeat: each.repeat ?? 1 }));
  print(formatJson(list.length === 1 ? { ...list[0] } : list));
}

function describeFigures(figures: Figures): string {
  const { layer, weight, bias, hasBias, seed, repeat, gflops, threads } = figures;
  const drawn = `drawn, seed ${seed}`;
  const timing = repeat === undefined ? "one call" : `median of ${repeat}`;
  const target = figures.output === null ? "" : `, ${figures.output}`;
  return formatFields([
    ["layer", layer],
    ["weight", weight ?? drawn],
    ["bias", hasBias ? bias ?? drawn : "none"],
    ["input", `${describeShape(figures.inputShape)}, ${figures.input ?? drawn}`],
    ["output", `${describeShape(figures.outputShape)}${target}`],
    ["values", describeStatistics(figures.values)],
    ["time", `${formatSeconds(figures.seconds)}, ${timing}`],
    ["speed", `${gflops.toPrecision(3)} GFLOP/s`],
    ["threads", String(threads)],
    ["backend", describeCode(figures)],
  ]);
}
