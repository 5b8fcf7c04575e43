import { describeShape } from "../../base/checks.ts";
import { writeChunks } from "../../io/files.ts";
import type { PeekedPng } from "../../io/pictures/png.ts";
import { peekPng } from "../../io/pictures/png.ts";
import type { Lines } from "../../io/pictures/png_chunks.ts";
import { pngChunks } from "../../io/pictures/png_chunks.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import type { FilterName, FilterSettings } from "../pictures/filters.ts";
import { buildFilter, DEFAULT_SETTINGS, FILTER_SETTINGS } from "../pictures/filters.ts";
import { checkMemory, memoryLimit } from "../memory.ts";
import type { Progress } from "../progress.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds } from "../report.ts";
import type { Strip } from "../pictures/strips.ts";
import { filterStrips, planStrips } from "../pictures/strips.ts";
import { UsageError } from "../usage_error.ts";
import { checkNoMore, chooseWord, integerFlag, numberFlag } from "../values.ts";

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
becomes RGB. Colours count by their alpha: what is invisible mixes into nothing. Alpha itself is
filtered as they are by blur, sharpen and upscale, grows where it has an edge by edges, and stays
as it is by emboss.

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
  const limit = memoryLimit(args);
  const picture = await peekPng(source);
  const { width, height, channels, bitDepth } = picture;
  using engine = await startEngine(args);
  const filter = buildFilter(name, channels, settings, engine);
  const plan = planStrips(filter, picture);
  checkMemory(
    limit,
    `Filter ${name} of ${width} x ${height} pixels`,
    decodingBytes(picture) + plan.bytes,
  );
  const enlarged = { width: width * filter.scale, height: height * filter.scale };
  let seconds = 0;
  {
    using progress = startProgress("rows", height, output.terminal);
    const raster = await picture.read();
    const strips = filterStrips(raster, filter, plan.windowRows);
    const lines = linesOf(strips, progress, (more) => seconds += more);
    await writeChunks(target, pngChunks({ ...enlarged, channels, bitDepth }, lines));
  }
  const figures = {
    filter: name,
    inputShape: [channels, height, width],
    outputShape: [channels, enlarged.height, enlarged.width],
    bitDepth,
    seconds,
    threads: engine.threads,
    ...codeOf(engine),
  };
  output.print(
    args.switches.has("json") ? formatJson(figures) : formatFields([
      ["filter", name],
      ["input", `${describeShape(figures.inputShape)}, ${bitDepth} bit, ${source}`],
      ["output", `${describeShape(figures.outputShape)}, ${bitDepth} bit, ${target}`],
      ["time", formatSeconds(seconds)],
      ["threads", String(engine.threads)],
      ["backend", describeCode(codeOf(engine))],
    ]),
  );
  return 0;
}

/** The lines of strips, counted and timed. */
async function* linesOf(
  strips: AsyncIterable<Strip>,
  progress: Progress,
  addTime: (seconds: number) => void,
): AsyncGenerator<Lines> {
  for await (const { lines, sourceRows, seconds } of strips) {
    addTime(seconds);
    yield lines;
    progress.advance(sourceRows);
  }
}

/** While it works, the decoder holds the samples three times over, besides the file. */
function decodingBytes({ width, height, channels, bitDepth, fileBytes }: PeekedPng): number {
  return fileBytes + 3 * width * height * channels * bitDepth / 8;
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
