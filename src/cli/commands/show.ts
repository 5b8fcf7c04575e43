import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import type { Arguments } from "../args.ts";
import type { ArrayFile } from "../arrays/array_file.ts";
import { openArrays } from "../arrays/array_file.ts";
import { describeLayer, layersIn } from "../arrays/layer_state.ts";
import type { Command, Output } from "../command.ts";
import { checkMemory, MEMORY_FLAG, memoryLimit } from "../memory.ts";
import { formatCount, formatFields, formatJson, formatTable, printable } from "../report.ts";
import type { Statistics } from "../statistics.ts";
import { statisticsOf } from "../statistics.ts";
import { UsageError } from "../usage_error.ts";
import { checkNoMore } from "../values.ts";

/** Shows what is in a file. */
export const showCommand: Command = {
  name: "show",
  summary: "Print names, shapes, types and ranges of the arrays of a file",
  usage: "<file> [options]",
  flags: [MEMORY_FLAG, { name: "json", description: "print the figures as JSON" }],
  notes:
    `The file is .npy, .npz, .safetensors, PyTorch's .pt or .pth, PNG, JPEG or WAV; the path - is
standard input. Values are shown as they are read: pictures from 0 to 1, sounds from -1 to 1.

Of tensors by name it says which could be the weights of convolutions, by the names that "run
--weights" knows them by. Input channels are those of one group; with a bias of other size than the
first axis of the weight the layer is a transposed one.

Examples:
  tileconv show model.pt
  tileconv show photo.jpg --json`,
  run: runShow,
};

/** What is known of an array. */
interface Shown {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: Statistics;
}

async function runShow(args: Arguments, output: Output): Promise<number> {
  const [path] = args.positionals;
  if (path === undefined) throw new UsageError("Name the file to show");
  checkNoMore(args, 1);
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  const file = await openArrays(path, { limit, files, warn: output.warn });
  const arrays: Shown[] = [];
  for (const { name, shape, dtype, read } of file.arrays) {
    const floats = Float32Array.BYTES_PER_ELEMENT * product(shape);
    checkMemory(limit, `Reading ${file.quoted}`, file.fileBytes + file.heldBytes + floats);
    arrays.push({ name, shape, dtype, values: statisticsOf((await read()).data) });
  }
  const layers = layersIn(file).map((state) => ({
    name: state.prefix,
    layer: describeLayer(state),
    hasBias: state.bias !== null,
  }));
  const { name, sampleRate } = file;
  const figures = { file: name, arrays, layers, ...sampleRate === undefined ? {} : { sampleRate } };
  output.print(
    args.switches.has("json") ? formatJson(figures) : describeFile(file, arrays, layers),
  );
  return 0;
}

function describeFile(
  { name, sampleRate }: ArrayFile,
  arrays: readonly Shown[],
  layers: readonly { readonly name: string; readonly layer: string; readonly hasBias: boolean }[],
): string {
  const size = arrays.reduce((sum, { shape }) => sum + product(shape), 0);
  const fields: (readonly [string, string])[] = [
    ["file", name],
    ["arrays", formatCount(arrays.length)],
    ["values", formatCount(size)],
  ];
  if (sampleRate !== undefined) fields.push(["sample rate", formatCount(sampleRate)]);
  const tables: string[] = [];
  if (arrays.length > 0) {
    const titles = ["array", "shape", "type", "minimum", "mean", "maximum", "not finite"];
    tables.push(formatTable(titles, arrays.map(rowOf)));
  }
  if (layers.length > 0) {
    const rows = layers.map(({ name, layer, hasBias }) => [
      name === "" ? "(no name)" : printable(name),
      layer,
      hasBias ? "yes" : "no",
    ]);
    tables.push(formatTable(["layer", "could be", "bias"], rows));
  }
  return [formatFields(fields), ...tables].join("\n\n");
}

function rowOf({ name, shape, dtype, values }: Shown): readonly string[] {
  const { minimum, mean, maximum, nonFinite } = values;
  return [
    printable(name),
    describeShape(shape),
    dtype,
    ...[minimum, mean, maximum].map((value) =>
      value === null ? "none" : String(Number(value.toPrecision(4)))
    ),
    nonFinite === 0 ? "" : formatCount(nonFinite),
  ];
}
