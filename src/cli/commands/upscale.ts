import { describeShape } from "../../base/checks.ts";
import { type Engine, runtimeOf } from "../../engine/engine.ts";
import { pngChunks } from "../../io/pictures/png_chunks.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { bytesLeft, checkMemory, checkShared, type MemoryLimit, memoryLimit } from "../memory.ts";
import { findJobs, type PictureJob, PIXELS_FLAG, waitingBytes } from "../pictures/picture_jobs.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds, printable } from "../report.ts";
import { enlargedLines, type EnlargementPlan, planEnlargement } from "../upscaling/enlarge.ts";
import { SCALES, Upscaler } from "../upscaling/trained_network.ts";
import { choiceFlag } from "../values.ts";

const DEFAULT_SCALE = "2";

/** Enlarges pictures. */
export const upscaleCommand: Command = {
  name: "upscale",
  summary: "Enlarge pictures with a trained network",
  usage: "<in.png or in.jpg>... <out.png or folder> [options]",
  flags: [
    {
      name: "scale",
      value: "n",
      description: `how many times larger: ${SCALES.join(", ")}; default ${DEFAULT_SCALE}`,
    },
    PIXELS_FLAG,
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `The networks are those of UpscalerJS, npm:@upscalerjs/esrgan-slim: twelve convolutions each, whose
edges are sharper than those of "tileconv filter upscale", which interpolates. They are fetched at
the first time, 4 MB packed.

Grey and RGB pictures, with alpha or not, of 8 or 16 bits keep their channels and depth; a palette
becomes RGB. Alpha is interpolated. Pictures that are too large for the memory are enlarged in
windows that overlap; what comes out is the same, bit for bit, of 216 columns or more.

The output of one picture goes to a file; those of any number go into a folder that exists, under
their names. The path - is standard input or output; what is printed then goes to standard error.

Examples:
  tileconv upscale photo.jpg big.png
  tileconv upscale photo.jpg bigger.png --scale 4
  tileconv upscale photos/*.png large/ --scale 3 --memory 1G`,
  run: runUpscale,
};

async function runUpscale(args: Arguments, output: Output): Promise<number> {
  const scale = Number(choiceFlag(args, "scale", SCALES) ?? DEFAULT_SCALE);
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  const jobs = await findJobs(args, args.positionals, files);
  using engine = await startEngine(args);
  const upscaler = await Upscaler.load(scale, engine);
  // What is too large is refused before any picture is written.
  const plans = planJobs(limit, upscaler, jobs, engine);
  const figures: Figures[] = [];
  for (const [i, job] of jobs.entries()) {
    const plan = plans[i];
    if (plan === undefined) continue;
    const outcome = await enlargePicture(job, plan, upscaler, { engine, output });
    figures.push({ scale, ...outcome, threads: engine.threads, ...codeOf(engine) });
  }
  const print = jobs.some(({ target }) => target.isStandard) ? output.warn : output.print;
  const [first] = figures;
  print(
    args.switches.has("json")
      ? formatJson(figures.length === 1 ? { ...first } : figures.map((each) => ({ ...each })))
      : figures.map(describeFigures).join("\n\n"),
  );
  return 0;
}

function planJobs(
  limit: MemoryLimit,
  upscaler: Upscaler,
  jobs: readonly PictureJob[],
  engine: Engine,
): readonly EnlargementPlan[] {
  const pictures = jobs.map(({ picture }) => picture);
  const waiting = waitingBytes(pictures);
  const { capacity } = runtimeOf(engine);
  const room = { shared: capacity, arrays: bytesLeft(limit) - waiting };
  return pictures.map((picture) => {
    const plan = planEnlargement(upscaler, picture, room);
    const what = `Enlarging ${picture.width} x ${picture.height} pixels`;
    checkShared(what, plan.shared, capacity);
    checkMemory(limit, what, waiting + picture.readingBytes + plan.arrays);
    return plan;
  });
}

/** What is known of a picture that is done. */
interface Outcome {
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly bitDepth: number;
  readonly windows: number;
  readonly seconds: number;
}

async function enlargePicture(
  { file, picture, target }: PictureJob,
  { windows }: EnlargementPlan,
  upscaler: Upscaler,
  { engine, output }: { readonly engine: Engine; readonly output: Output },
): Promise<Outcome> {
  let seconds = 0;
  const count = windows.rows.length * windows.columns.length;
  using progress = startProgress(count === 1 ? "window" : "windows", count, output.terminal);
  const raster = await file.read(() => picture.read());
  for (const warning of raster.warnings) {
    output.warn(printable(`warning: ${file.name}: ${warning}`));
  }
  const { width, height, channels, bitDepth } = raster;
  const { scale } = upscaler;
  const shape = { width: width * scale, height: height * scale, channels, bitDepth };
  const advance = (more: number) => {
    seconds += more;
    progress.advance();
  };
  await target.write(
    pngChunks(shape, enlargedLines(raster, upscaler, windows, engine, { advance })),
  );
  return {
    input: file.name,
    inputShape: [channels, height, width],
    output: target.name,
    outputShape: [channels, shape.height, shape.width],
    bitDepth,
    windows: count,
    seconds,
  };
}

interface Figures extends Outcome, ReturnType<typeof codeOf> {
  readonly scale: number;
  readonly threads: number;
}

function describeFigures(figures: Figures): string {
  const { bitDepth, windows } = figures;
  return formatFields([
    ["input", `${describeShape(figures.inputShape)}, ${bitDepth} bit, ${figures.input}`],
    ["output", `${describeShape(figures.outputShape)}, ${bitDepth} bit, ${figures.output}`],
    ["time", `${formatSeconds(figures.seconds)}, ${windows} window${windows === 1 ? "" : "s"}`],
    ["threads", String(figures.threads)],
    ["backend", describeCode(figures)],
  ]);
}
