import type { Engine } from "../../engine/engine.ts";
import { makeFolder, removeUnfinished } from "../../io/files.ts";
import { writePng } from "../../io/pictures/png.ts";
import type { Layer } from "../../layers/layer.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { onInterrupt } from "../interrupt.ts";
import { CHART_SIZE, drawChart } from "../pictures/chart.ts";
import { compareWithPlainLoop, LAYER_CALLS } from "../pictures/comparison.ts";
import type { Panel } from "../pictures/contact_sheet.ts";
import { drawContactSheet } from "../pictures/contact_sheet.ts";
import { exhibits } from "../pictures/exhibits.ts";
import type { SpeedRow } from "../pictures/speed_table.ts";
import { speedRow, speedTable } from "../pictures/speed_table.ts";
import { startProgress } from "../progress.ts";
import { formatJson, printable } from "../report.ts";
import { checkNoMore } from "../values.ts";

const DEFAULT_FOLDER = "demo";

const SHEET_NAME = "contact_sheet.png";

/** Shows the layers at work. */
export const demoCommand: Command = {
  name: "demo",
  summary: "Draw a test chart, run filters over it, write a contact sheet",
  usage: "[options]",
  flags: [
    { name: "out", value: "folder", description: `where to write; default ${DEFAULT_FOLDER}` },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `Writes ${SHEET_NAME}: the chart, and what each filter makes of it. Times are the median of
${LAYER_CALLS} calls, after some that are not timed. Nested loops in plain JavaScript, on one thread, compute
the same sums; both results are compared.`,
  run: runDemo,
};

/** A layer's figures. */
interface Row extends SpeedRow {
  /** Between its output and a plain loop's, in proportion to the largest value. */
  readonly difference: number;
}

async function runDemo(args: Arguments, output: Output): Promise<number> {
  checkNoMore(args, 0);
  const folder = args.values.get("out") ?? DEFAULT_FOLDER;
  using engine = await startEngine(args);
  await makeFolder(folder);
  const { sheet, rows } = await drawSheet(engine, output);
  using _cleanup = onInterrupt(removeUnfinished);
  await writePng(`${folder}/${SHEET_NAME}`, { pixels: sheet, bitDepth: 8 });
  const path = await Deno.realPath(`${folder}/${SHEET_NAME}`);
  output.print(
    args.switches.has("json")
      ? formatJson({
        sheet: path,
        chart: [CHART_SIZE, CHART_SIZE],
        ...codeOf(engine),
        threads: engine.threads,
        rows,
      })
      : describe(path, rows, engine),
  );
  return 0;
}

async function drawSheet(engine: Engine, output: Output): Promise<{ sheet: Tensor; rows: Row[] }> {
  const chart = drawChart();
  const size = `${CHART_SIZE}×${CHART_SIZE} pixels`;
  const panels: Panel[] = [{ pixels: chart, caption: "Test chart", detail: size }];
  const rows: Row[] = [];
  const shown = exhibits(engine);
  using progress = startProgress("pictures", shown.length, output.terminal);
  for (const { name, layers, panels: panelsOf } of shown) {
    let pixels = chart;
    for (const layer of layers) {
      const { output: result, difference, ...times } = await compareWithPlainLoop(layer, pixels);
      rows.push({ ...speedRow(name, describeLayer(layer), CHART_SIZE ** 2, times), difference });
      pixels = result;
    }
    panels.push(...panelsOf(pixels));
    progress.advance();
  }
  return { sheet: drawContactSheet(panels), rows };
}

/** A layer in a few words: what makes its work, without the padding. */
function describeLayer({ inChannels, outChannels, kernelSize, groups }: Layer): string {
  const grouped = groups === 1 ? "" : `, groups ${groups}`;
  return `Conv2d ${inChannels}→${outChannels}, ${kernelSize.join("x")}${grouped}`;
}

function describe(path: string, rows: readonly Row[], engine: Engine): string {
  const { threads } = engine;
  const difference = Math.max(...rows.map((row) => row.difference));
  return [
    speedTable(rows, CHART_SIZE ** 2),
    `${describeCode(codeOf(engine))}, ${threads} thread${threads === 1 ? "" : "s"}; \
median of ${LAYER_CALLS} calls.
Plain JS: the same sums in nested loops over typed arrays, on one thread.
The results agree to ${difference.toExponential(0)}.`,
    `The contact sheet:\n${printable(path)}`,
    "Try: deno task cli filter blur photo.png blurred.png",
  ].join("\n\n");
}
