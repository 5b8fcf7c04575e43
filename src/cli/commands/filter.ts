import { describeShape } from "../../base/checks.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PeekedPicture } from "../../io/pictures/picture.ts";
import type { Lines } from "../../io/pictures/png_chunks.ts";
import { pngChunks } from "../../io/pictures/png_chunks.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import type { FilterName, FilterSettings, PictureFilter } from "../pictures/filters.ts";
import { buildFilter, DEFAULT_SETTINGS, FILTER_SETTINGS } from "../pictures/filters.ts";
import { findJobs, type PictureJob, PIXELS_FLAG, waitingBytes } from "../pictures/picture_jobs.ts";
import type { MemoryLimit } from "../memory.ts";
import { checkMemory, memoryLimit } from "../memory.ts";
import type { Progress } from "../progress.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds, printable } from "../report.ts";
import type { Strip } from "../pictures/strips.ts";
import { filterStrips, planStrips } from "../pictures/strips.ts";
import { denoiseFilter, readDenoiser } from "../training/denoise_filter.ts";
import { UsageError } from "../usage_error.ts";
import { chooseWord, integerFlag, numberFlag } from "../values.ts";

/** The filters: those of fixed layers, and one that was learned. */
type Name = FilterName | "denoise";

const NAMES: readonly Name[] = ["blur", "sharpen", "edges", "emboss", "upscale", "denoise"];

/** A kernel of more than this takes minutes rather than seconds. */
const LARGEST_RADIUS = 64;
const LARGEST_AMOUNT = 100;
const LARGEST_SCALE = 8;

/** Filters pictures. */
export const filterCommand: Command = {
  name: "filter",
  summary: "Filter PNG and JPEG pictures with convolution layers",
  usage: "<name> <in.png or in.jpg>... <out.png or folder> [options]",
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
    {
      name: "weights",
      value: "x.npz",
      description: "denoise: what train denoise has written",
    },
    PIXELS_FLAG,
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `Filters:
  blur     Gaussian: two depthwise Conv2d, a row and a column
  sharpen  unsharp mask: a depthwise Conv2d
  edges    Sobel gradient: a depthwise Conv2d with two outputs per channel, then their magnitude
  emboss   relief with light from the top left: a depthwise Conv2d
  upscale  bilinear: a depthwise ConvTranspose2d
  denoise  takes away noise such as "tileconv train denoise" was told of

Grey and RGB pictures, with alpha or not, of 8 or 16 bits keep their channels and depth; a palette
becomes RGB. Colours count by their alpha, so that what is invisible mixes into nothing; blur,
sharpen and upscale filter alpha as they do colours, edges adds the edges of alpha to it, and emboss
and denoise leave it as it is. JPEG pictures are read as they are meant to be seen; what is written
is always PNG.

The output of one picture goes to a file; those of any number go into a folder that exists, under
their names (the folder they are in: in their places). The path - is standard input or output; what
is printed then goes to standard error.

Examples:
  tileconv filter blur in.png out.png --radius 6
  tileconv filter upscale in.png out.png --scale 3
  tileconv filter sharpen photos/*.png sharper/
  tileconv filter edges - - < in.png > out.png
  tileconv filter denoise scan.png clean.png --weights denoise/denoise.npz`,
  run: runFilter,
};

/** Builds the filter for pictures of some channels. */
type FilterBuilder = (channels: number) => PictureFilter;

async function runFilter(args: Arguments, output: Output): Promise<number> {
  const name = chooseWord("filter", args.positionals[0], NAMES);
  const buildWith = await builderOf(args, name);
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  const jobs = await findJobs(args, args.positionals.slice(1), files);
  using engine = await startEngine(args);
  const build = (channels: number) => buildWith(channels, engine);
  // What is too large is refused before any picture is written.
  const pictures = jobs.map(({ picture }) => picture);
  for (const picture of pictures) checkPicture(limit, name, picture, pictures, build);
  const figures: Figures[] = [];
  for (const job of jobs) {
    const outcome = await filterPicture(job, build, output);
    figures.push({ filter: name, ...outcome, threads: engine.threads, ...codeOf(engine) });
  }
  report(args, output, figures, jobs);
  return 0;
}

/**
 * Refuses a picture that would take too much memory.
 *
 * @param pictures All that are filtered.
 */
function checkPicture(
  limit: MemoryLimit,
  name: Name,
  picture: PeekedPicture,
  pictures: readonly PeekedPicture[],
  build: FilterBuilder,
): void {
  const { bytes } = planStrips(build(picture.channels), picture);
  const what = `Filter ${name} of ${picture.width} x ${picture.height} pixels`;
  checkMemory(limit, what, waitingBytes(pictures) + picture.readingBytes + bytes);
}

/** What is known of a picture that is done. */
interface Outcome {
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly bitDepth: number;
  readonly seconds: number;
}

async function filterPicture(
  { file, picture, target }: PictureJob,
  build: FilterBuilder,
  output: Output,
): Promise<Outcome> {
  let seconds = 0;
  using progress = startProgress("rows", picture.height, output.terminal);
  const raster = await file.read(() => picture.read());
  for (const warning of raster.warnings) {
    output.warn(printable(`warning: ${file.name}: ${warning}`));
  }
  const { width, height, channels, bitDepth } = raster;
  const filter = build(channels);
  const { windowRows } = planStrips(filter, raster);
  const strips = filterStrips(raster, filter, windowRows);
  const lines = linesOf(strips, progress, (more) => seconds += more);
  const shape = { width: width * filter.scale, height: height * filter.scale, channels, bitDepth };
  await target.write(pngChunks(shape, lines));
  return {
    input: file.name,
    inputShape: [channels, height, width],
    output: target.name,
    outputShape: [channels, shape.height, shape.width],
    bitDepth,
    seconds,
  };
}

interface Figures extends Outcome, ReturnType<typeof codeOf> {
  readonly filter: Name;
  readonly threads: number;
}

function report(
  args: Arguments,
  output: Output,
  figures: readonly Figures[],
  jobs: readonly PictureJob[],
): void {
  const print = jobs.some(({ target }) => target.isStandard) ? output.warn : output.print;
  if (args.switches.has("json")) {
    print(
      formatJson(figures.length === 1 ? { ...figures[0] } : figures.map((each) => ({ ...each }))),
    );
  } else {
    print(figures.map(describeFigures).join("\n\n"));
  }
}

function describeFigures(figures: Figures): string {
  const { bitDepth } = figures;
  return formatFields([
    ["filter", figures.filter],
    ["input", `${describeShape(figures.inputShape)}, ${bitDepth} bit, ${figures.input}`],
    ["output", `${describeShape(figures.outputShape)}, ${bitDepth} bit, ${figures.output}`],
    ["time", formatSeconds(figures.seconds)],
    ["threads", String(figures.threads)],
    ["backend", describeCode(figures)],
  ]);
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

/** Finds out what builds a filter. */
async function builderOf(
  args: Arguments,
  name: Name,
): Promise<(channels: number, engine: Engine) => PictureFilter> {
  const read: readonly string[] = name === "denoise" ? ["weights"] : FILTER_SETTINGS[name];
  for (const setting of ["radius", "amount", "scale", "weights"]) {
    if (!args.values.has(setting) || read.includes(setting)) continue;
    throw new UsageError(`Filter ${name} has no option "--${setting}"`);
  }
  if (name !== "denoise") {
    const settings = parseSettings(args);
    return (channels, engine) => buildFilter(name, channels, settings, engine);
  }
  const path = args.values.get("weights");
  if (path === undefined) {
    throw new UsageError("Filter denoise needs --weights, which train denoise writes");
  }
  const denoiser = await readDenoiser(path);
  return (channels, engine) => denoiseFilter(denoiser, channels, engine);
}

function parseSettings(args: Arguments): FilterSettings {
  return {
    radius: integerFlag(args, "radius", 1, LARGEST_RADIUS) ?? DEFAULT_SETTINGS.radius,
    amount: numberFlag(args, "amount", 0, LARGEST_AMOUNT) ?? DEFAULT_SETTINGS.amount,
    scale: integerFlag(args, "scale", 2, LARGEST_SCALE) ?? DEFAULT_SETTINGS.scale,
  };
}
