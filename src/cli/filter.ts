import { describeShape } from "../checks.ts";
import type { Engine } from "../engine/engine.ts";
import type { Picture } from "../io/png.ts";
import { readPng, writePng } from "../io/png.ts";
import { Tensor } from "../tensor.ts";
import type { Arguments } from "./args.ts";
import type { Command, Output } from "./command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "./engine_options.ts";
import type { Filter, FilterName, FilterSettings } from "./filters.ts";
import { applyFilter, buildFilter, DEFAULT_SETTINGS, FILTER_SETTINGS } from "./filters.ts";
import { formatFields, formatJson, formatSeconds } from "./report.ts";
import { UsageError } from "./usage_error.ts";
import { checkNoMore, chooseWord, integerFlag, numberFlag } from "./values.ts";

const NAMES: readonly FilterName[] = ["blur", "sharpen", "edges", "emboss", "upscale"];

/** A kernel of more than this takes minutes rather than seconds. */
const LARGEST_RADIUS = 64;
const LARGEST_AMOUNT = 100;
const LARGEST_SCALE = 8;

/** Filters a PNG picture. */
export const filterCommand: Command = {
  name: "filter",
  summary: "Filter a PNG picture with convolution layers",
  usage: "<name> <in.png> <out.png> [options]",
  flags: [
    {
      name: "radius",
      value: "pixels",
      description: `blur, sharpen: 1 to ${LARGEST_RADIUS}; default ${DEFAULT_SETTINGS.radius}`,
    },
    {
      name: "amount",
      value: "factor",
      description: `sharpen, edges, emboss: strength; default ${DEFAULT_SETTINGS.amount}`,
    },
    {
      name: "scale",
      value: "n",
      description: `upscale: 2 to ${LARGEST_SCALE} times larger; default ${DEFAULT_SETTINGS.scale}`,
    },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `Filters:
  blur     Gaussian: two depthwise Conv2d, a row and a column
  sharpen  unsharp mask: a depthwise Conv2d
  edges    Sobel gradient: a depthwise Conv2d with two outputs per channel, then their magnitude
  emboss   relief with light from the top left: a depthwise Conv2d
  upscale  bilinear: a depthwise ConvTranspose2d

Grey and RGB pictures, with alpha or not, of 8 or 16 bits keep their channels and depth; a palette
becomes RGB. Transparency is left as it is (and enlarged by upscale).

Examples:
  tileconv filter blur in.png out.png --radius 6
  tileconv filter upscale in.png out.png --scale 3`,
  run: runFilter,
};

async function runFilter(args: Arguments, output: Output): Promise<number> {
  const name = chooseWord("filter", args.positionals[0], NAMES);
  const [, source, target] = args.positionals;
  if (source === undefined) throw new UsageError("Name the PNG file to read");
  if (target === undefined) throw new UsageError("Name the PNG file to write");
  checkNoMore(args, 3);
  const settings = parseSettings(args, name);
  const picture = await readPng(source);
  using engine = await startEngine(args);
  const begin = performance.now();
  const pixels = await filterPicture(picture, name, settings, engine);
  const seconds = (performance.now() - begin) / 1e3;
  await writePng(target, { ...picture, pixels });
  const figures = {
    filter: name,
    inputShape: picture.pixels.shape,
    outputShape: pixels.shape,
    bitDepth: picture.bitDepth,
    seconds,
    threads: engine.threads,
    ...codeOf(engine),
  };
  output.print(
    args.switches.has("json") ? formatJson(figures) : formatFields([
      ["filter", name],
      ["input", `${describeShape(figures.inputShape)}, ${picture.bitDepth} bit, ${source}`],
      ["output", `${describeShape(figures.outputShape)}, ${picture.bitDepth} bit, ${target}`],
      ["time", formatSeconds(seconds)],
      ["threads", String(engine.threads)],
      ["backend", describeCode(codeOf(engine))],
    ]),
  );
  return 0;
}

function parseSettings(args: Arguments, name: FilterName): FilterSettings {
  const read = FILTER_SETTINGS[name];
  for (const setting of ["radius", "amount", "scale"] as const) {
    if (!args.values.has(setting) || read.includes(setting)) continue;
    throw new UsageError(`Filter ${name} has no option "--${setting}"`);
  }
  return {
    radius: integerFlag(args, "radius", 1, LARGEST_RADIUS) ?? DEFAULT_SETTINGS.radius,
    amount: numberFlag(args, "amount", 0, LARGEST_AMOUNT) ?? DEFAULT_SETTINGS.amount,
    scale: integerFlag(args, "scale", 2, LARGEST_SCALE) ?? DEFAULT_SETTINGS.scale,
  };
}

/** Filters the colours; transparency only follows the size. */
async function filterPicture(
  { pixels }: Picture,
  name: FilterName,
  settings: FilterSettings,
  engine: Engine,
): Promise<Tensor> {
  const [channels = 0] = pixels.shape;
  const filterOf = (channels: number): Filter => buildFilter(name, channels, settings, engine);
  const hasAlpha = channels === 2 || channels === 4;
  if (!hasAlpha || name === "upscale") return await applyFilter(filterOf(channels), pixels);
  const [, height = 0, width = 0] = pixels.shape;
  const colors = (channels - 1) * height * width;
  const filtered = await applyFilter(
    filterOf(channels - 1),
    new Tensor(pixels.data.subarray(0, colors), [channels - 1, height, width]),
  );
  const result = new Float32Array(pixels.data);
  result.set(filtered.data);
  return new Tensor(result, pixels.shape);
}
