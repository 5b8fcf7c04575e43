import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import type { Network } from "../../network/network.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import { type ArrayFile, arrayOf, openArrays, type StoredArray } from "../arrays/array_file.ts";
import {
  checkFormat,
  type ChosenFormat,
  encodeArrays,
  FORMAT_FLAGS,
  formatOf,
  sampleRateFlag,
} from "../arrays/array_format.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { checkMemory, type MemoryLimit, memoryLimit } from "../memory.ts";
import { type Ranked, ranked, readLabels } from "../networks/labels.ts";
import { forInputs, openNetwork } from "../networks/network_file.ts";
import { outputsOf } from "../output_file.ts";
import { formatFields, formatJson, formatSeconds, formatTable } from "../report.ts";
import { describeStatistics, statisticsOf } from "../statistics.ts";
import { asUsage, UsageError } from "../usage_error.ts";
import { checkNoMore, chooseWord, integerFlag, parseNumber } from "../values.ts";

/** Runs a network over arrays and pictures. */
export const inferCommand: Command = {
  name: "infer",
  summary: "Run a network from an ONNX file",
  usage: "<model.onnx> --input <x.npy or picture> [--output <y.npy>] [options]",
  flags: [
    {
      name: "input",
      value: "file",
      repeatable: true,
      description: "the input; of several name=file for each",
    },
    { name: "input-name", value: "array", description: "which array of a file of several" },
    { name: "mean", value: "numbers", description: "subtracted from the input, for each channel" },
    { name: "std", value: "numbers", description: "that is then divided by, for each channel" },
    { name: "output", value: "y.npy", description: "where to write the output" },
    {
      name: "output-name",
      value: "name",
      description: "which output; default: the first, or all where a form holds names",
    },
    { name: "labels", value: "file", description: "the classes, one a line: prints the likeliest" },
    { name: "top", value: "n", description: "how many of them; default 5" },
    ...FORMAT_FLAGS,
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `Inputs are .npy, .npz, .safetensors, PyTorch's .pt and .pth, PNG, JPEG and WAV. A picture is
(C, H, W) from 0 to 1, a sound (channels, samples) from -1 to 1; where the network takes a batch,
it is one of one item. Outputs are written as the name says.
The path - is standard input or output; what is printed then goes to standard error.

Examples:
  tileconv infer model.onnx --input x.npy --output y.npy
  tileconv infer resnet.onnx --input cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 \\
    --labels imagenet.txt
  tileconv infer enlarge.onnx --input photo.png --output large.png`,
  run: runInfer,
};

/** What an input is read from. */
interface Source {
  readonly name: string;
  readonly file: ArrayFile;
  readonly array: StoredArray;
  /** With the axis of a batch, where the network has one more than the array. */
  readonly shape: readonly number[];
}

const DEFAULT_TOP = 5;

async function runInfer(args: Arguments, output: Output): Promise<number> {
  const [path] = args.positionals;
  checkNoMore(args, 1);
  const top = integerFlag(args, "top", 1, 1_000_000);
  const labelPath = args.values.get("labels");
  if (top !== undefined && labelPath === undefined) {
    throw new UsageError('Option "--top" goes with "--labels"');
  }
  const target = args.values.get("output");
  const chosen = formatOf(args, target ?? "");
  const limit = memoryLimit(args);
  const labels = labelPath === undefined ? null : await readLabels(labelPath);
  using files = new DisposableStack();
  using engine = await startEngine(args);
  const { name, network, bytes } = await openNetwork(path, engine, limit, files);
  const texts = args.lists.get("input") ?? [];
  const sources = await findSources(args, network, texts, { limit, files, warn: output.warn });
  checkArrays(limit, network, sources, bytes);
  const outputNames = namesOf(args, network, chosen);
  const [file] = target === undefined ? [] : await outputsOf([texts[0] ?? ""], target, chosen.file);
  const inputs = await readInputs(args, sources);
  const begin = performance.now();
  const results = await network.forward(inputs);
  const seconds = (performance.now() - begin) / 1e3;
  const written = outputNames.map((name) => [name, tensorOf(results, name)] as const);
  if (file !== undefined) {
    const [source] = sources;
    const encoding = {
      bitDepth: source?.file.bitDepth,
      sampleRate: sampleRateFlag(args) ?? source?.file.sampleRate,
    };
    for (const [, { shape }] of written) checkFormat(chosen.format, shape, encoding);
    await file.write([await encodeArrays(chosen.format, Object.fromEntries(written), encoding)]);
  }
  const figures = {
    network: name,
    inputs: sources.map(({ name, file, shape }) => ({ name, file: file.name, shape })),
    outputs: Object.entries(results).map(([name, { shape, data }]) => ({
      name,
      shape,
      values: statisticsOf(data),
    })),
    output: file?.name ?? null,
    ...(labels === null ? {} : { classes: classesOf(written, labels, top ?? DEFAULT_TOP) }),
    seconds,
    threads: engine.threads,
    ...codeOf(engine),
  };
  const print = file?.isStandard ? output.warn : output.print;
  print(args.switches.has("json") ? formatJson(figures) : describeFigures(figures));
  return 0;
}

async function findSources(
  args: Arguments,
  network: Network,
  texts: readonly string[],
  options: Parameters<typeof openArrays>[1],
): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for (const { name, text } of forInputs(network.inputs, texts, "input")) {
    const file = await openArrays(text, options);
    const array = arrayOf(file, args.values.get("input-name"), "--input-name");
    const wanted = network.inputs.find((input) => input.name === name)?.shape?.length;
    const isItem = wanted === array.shape.length + 1;
    sources.push({ name, file, array, shape: isItem ? [1, ...array.shape] : array.shape });
  }
  return sources;
}

/** Refuses what would take too much memory, and shapes that do not fit. */
function checkArrays(
  limit: MemoryLimit,
  network: Network,
  sources: readonly Source[],
  networkBytes: number,
): void {
  const shapes = Object.fromEntries(sources.map(({ name, shape }) => [name, shape] as const));
  const { bytes, steps } = asUsage(() => network.explain(shapes));
  const floats = sources.reduce((sum, { shape }) => sum + product(shape), 0) +
    Math.max(0, ...steps.map(({ shape }) => product(shape)));
  const files = sources.reduce((sum, { file }) => sum + file.fileBytes + file.heldBytes, 0);
  const arrays = 2 * Float32Array.BYTES_PER_ELEMENT * floats;
  checkMemory(limit, "Computing the network", networkBytes + files + bytes + arrays);
}

/** The outputs that are written. */
function namesOf(
  args: Arguments,
  network: Network,
  { format }: ChosenFormat,
): readonly string[] {
  const names = network.outputs.map(({ name }) => name);
  const name = args.values.get("output-name");
  if (name !== undefined) return [chooseWord("output", name, names)];
  return format.holdsNames && args.values.has("output") ? names : names.slice(0, 1);
}

async function readInputs(
  args: Arguments,
  sources: readonly Source[],
): Promise<Record<string, Tensor>> {
  const inputs: Record<string, Tensor> = {};
  for (const { name, array, shape } of sources) {
    inputs[name] = normalized(args, (await array.read()).reshape(shape));
  }
  return inputs;
}

/** The input less a mean, in proportion to a deviation, channel by channel. */
function normalized(args: Arguments, input: Tensor): Tensor {
  const channels = input.shape[1] ?? 1;
  const numbers = (name: string, standard: number) => {
    const texts = args.values.get(name)?.split(",") ?? [String(standard)];
    if (texts.length !== 1 && texts.length !== channels) {
      throw new UsageError(
        `Option "--${name}" must be one number or ${channels}, one for each channel, but is ` +
          `"${texts.join(",")}"`,
      );
    }
    return texts.map((text) => parseNumber(name, text));
  };
  const means = numbers("mean", 0);
  const deviations = numbers("std", 1);
  if (deviations.includes(0)) throw new UsageError('Option "--std" must not be 0');
  if (!args.values.has("mean") && !args.values.has("std")) return input;
  const { data } = input;
  const plane = product(input.shape.slice(2));
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / plane) % channels;
    const mean = means[means.length === 1 ? 0 : channel] ?? 0;
    const deviation = deviations[deviations.length === 1 ? 0 : channel] ?? 1;
    data[i] = ((data[i] ?? 0) - mean) / deviation;
  }
  return input;
}

function tensorOf(results: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const result = results[name];
  if (result === undefined) throw new Error(`There is no output ${name}`);
  return result;
}

/** The likeliest classes of each item of the first output that is written. */
function classesOf(
  written: readonly (readonly [string, Tensor])[],
  labels: readonly string[],
  top: number,
): readonly (readonly Ranked[])[] {
  const tensor = written[0]?.[1];
  if (tensor === undefined) return [];
  const [items = 1] = tensor.shape;
  const count = tensor.data.length / Math.max(1, items);
  if (count !== labels.length) {
    throw new UsageError(
      `There are ${labels.length} labels, but ${count} values in an output of shape ` +
        describeShape(tensor.shape),
    );
  }
  return Array.from(
    { length: items },
    (_, item) => ranked(tensor.data.subarray(item * count, (item + 1) * count), labels, top),
  );
}

/** What is known of a network that has run. */
interface Figures extends ReturnType<typeof codeOf> {
  readonly network: string;
  readonly inputs: readonly { name: string; file: string; shape: readonly number[] }[];
  readonly outputs: readonly {
    name: string;
    shape: readonly number[];
    values: ReturnType<typeof statisticsOf>;
  }[];
  readonly output: string | null;
  readonly classes?: readonly (readonly Ranked[])[];
  readonly seconds: number;
  readonly threads: number;
}

function describeFigures(figures: Figures): string {
  const { network, inputs, outputs, output, classes = [], seconds, threads } = figures;
  const fields = formatFields([
    ["network", network],
    ...inputs.map(({ name, file, shape }) =>
      ["input", `${describeShape(shape)}, ${name}, ${file}`] as const
    ),
    ...outputs.map(({ name, shape, values }) =>
      ["output", `${describeShape(shape)}, ${name}, ${describeStatistics(values)}`] as const
    ),
    ...(output === null ? [] : [["written to", output] as const]),
    ["time", `${formatSeconds(seconds)}, one call`],
    ["threads", String(threads)],
    ["backend", describeCode(figures)],
  ]);
  const tables = classes.map((items) =>
    formatTable(
      ["class", "label", "value"],
      items.map(({ index, label, value }) => [
        String(index),
        label ?? "",
        String(Number(value.toPrecision(4))),
      ]),
    )
  );
  return [fields, ...tables].join("\n\n");
}
