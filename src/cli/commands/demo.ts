import type { Engine } from "../../engine/engine.ts";
import { makeFolder } from "../../io/files.ts";
import { writePng } from "../../io/pictures/png.ts";
import { ConvTranspose } from "../../layers/conv_transpose.ts";
import type { Layer } from "../../layers/layer.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import { drawChart } from "../pictures/chart.ts";
import type { Command, Output } from "../command.ts";
import { ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import type { Filter, FilterName } from "../pictures/filters.ts";
import { buildFilter, DEFAULT_SETTINGS } from "../pictures/filters.ts";
import { contactSheet, gaborBank } from "../pictures/gabor.ts";
import { startProgress } from "../progress.ts";
import { formatJson, formatSeconds, formatTable, gigaflops, median } from "../report.ts";
import { checkNoMore } from "../values.ts";

const DEFAULT_FOLDER = "demo";

/** Calls that are timed, after a first one that generates code. */
const REPEAT = 9;

/** Shows the layers at work. */
export const demoCommand: Command = {
  name: "demo",
  summary: "Draw a test chart, run layers over it, write the pictures",
  usage: "[options]",
  flags: [
    { name: "out", value: "folder", description: `where to write; default ${DEFAULT_FOLDER}` },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the table as JSON" },
  ],
  notes:
    `Writes chart.png and the pictures that the table names. Times are the median of ${REPEAT} calls after a
first one.`,
  run: runDemo,
};

/** A picture to be made. */
interface Plate extends Filter {
  readonly name: string;
}

/** One layer of a picture, timed. */
interface Row {
  readonly picture: string;
  readonly layer: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly seconds: number;
  readonly gflops: number;
  readonly threads: number;
  readonly backend: Engine["backend"];
}

async function runDemo(args: Arguments, output: Output): Promise<number> {
  checkNoMore(args, 0);
  const folder = args.values.get("out") ?? DEFAULT_FOLDER;
  using engine = await startEngine(args);
  await makeFolder(folder);
  const rows = await drawPictures(folder, engine, output);
  if (args.switches.has("json")) {
    output.print(formatJson({ folder, rows }));
  } else {
    output.print(`${describeTable(rows)}\n`);
    output.print(`The PNG pictures are in ${folder}, with the chart.png they were made from.`);
  }
  return 0;
}

async function drawPictures(folder: string, engine: Engine, output: Output): Promise<Row[]> {
  const chart = drawChart();
  await writePng(`${folder}/chart.png`, { pixels: chart, bitDepth: 8 });
  const rows: Row[] = [];
  const pictures = plates(chart.shape[0] ?? 0, engine);
  using progress = startProgress("pictures", pictures.length, output.terminal);
  for (const { name, layers, finish } of pictures) {
    let pixels = chart;
    for (const layer of layers) {
      const { result, seconds } = await timeLayer(layer, pixels);
      rows.push(describeRow(name, layer, pixels, result, seconds, engine));
      pixels = result;
    }
    if (finish !== undefined) pixels = finish(pixels);
    await writePng(`${folder}/${name}.png`, { pixels, bitDepth: 8 });
    progress.advance();
  }
  return rows;
}

function plates(channels: number, engine: Engine): readonly Plate[] {
  const plate = (name: FilterName, changed: Partial<typeof DEFAULT_SETTINGS>): Plate => ({
    name,
    ...buildFilter(name, channels, { ...DEFAULT_SETTINGS, ...changed }, engine),
  });
  return [
    plate("blur", { radius: 8 }),
    plate("sharpen", { amount: 2 }),
    plate("edges", {}),
    plate("emboss", {}),
    plate("upscale", { scale: 3 }),
    { name: "orientations", layers: [gaborBank(engine)], finish: contactSheet },
  ];
}

async function timeLayer(
  layer: Layer,
  input: Tensor,
): Promise<{ result: Tensor; seconds: number }> {
  const result = await layer.forward(input);
  const seconds: number[] = [];
  for (let call = 0; call < REPEAT; call++) {
    const begin = performance.now();
    await layer.forward(input);
    seconds.push((performance.now() - begin) / 1e3);
  }
  return { result, seconds: median(seconds) };
}

function describeRow(
  picture: string,
  layer: Layer,
  input: Tensor,
  result: Tensor,
  seconds: number,
  { threads, backend }: Engine,
): Row {
  // Every weight is used once per position, in the output or, transposed, in the input.
  const [, ...positions] = layer instanceof ConvTranspose ? input.shape : result.shape;
  const multiplyAdds = positions.reduce((product, size) => product * size, layer.weight.size);
  return {
    picture,
    layer: describeLayer(layer),
    inputShape: input.shape,
    outputShape: result.shape,
    seconds,
    gflops: gigaflops(multiplyAdds, seconds),
    threads,
    backend,
  };
}

/** A layer in a few words: what makes its work, without the padding. */
function describeLayer(layer: Layer): string {
  const { inChannels, outChannels, kernelSize, stride, dilation, groups } = layer;
  const size = (sizes: readonly number[]) =>
    new Set(sizes).size === 1 ? String(sizes[0]) : sizes.join("x");
  const others = [["stride", size(stride)], ["dilation", size(dilation)], [
    "groups",
    String(groups),
  ]]
    .filter(([, value]) => value !== "1")
    .map(([name, value]) => `, ${name} ${value}`);
  const { name } = layer.constructor;
  return `${name}(${inChannels}, ${outChannels}, ${size(kernelSize)})${others.join("")}`;
}

function describeTable(rows: readonly Row[]): string {
  return formatTable(
    ["picture", "layer", "input", "output", "time", "GFLOP/s", "threads", "backend"],
    rows.map(({ picture, layer, inputShape, outputShape, seconds, gflops, threads, backend }) => [
      picture,
      layer,
      inputShape.join("x"),
      outputShape.join("x"),
      formatSeconds(seconds),
      gflops.toPrecision(3),
      String(threads),
      backend,
    ]),
  );
}
