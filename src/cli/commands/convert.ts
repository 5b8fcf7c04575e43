import { FLOAT_TYPES } from "../../io/arrays/floats.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { product } from "../../base/numbers.ts";
import type { Arguments } from "../args.ts";
import type { ArrayFile, StoredArray } from "../arrays/array_file.ts";
import { arrayOf, openArrays } from "../arrays/array_file.ts";
import type { ArrayFormat, Encoding } from "../arrays/array_format.ts";
import {
  checkFormat,
  encodeArrays,
  FORMAT_FLAGS,
  formatOf,
  sampleRateFlag,
} from "../arrays/array_format.ts";
import type { Command, Output } from "../command.ts";
import { checkMemory, MEMORY_FLAG, memoryLimit } from "../memory.ts";
import { outputsOf } from "../output_file.ts";
import { formatCount, formatFields } from "../report.ts";
import { UsageError } from "../usage_error.ts";
import { checkNoMore, choiceFlag } from "../values.ts";

/** Writes arrays in another form. */
export const convertCommand: Command = {
  name: "convert",
  summary: "Write the arrays of a file in another form",
  usage: "<in> <out> [options]",
  flags: [
    { name: "name", value: "array", description: "the array to take; default: all of them" },
    ...FORMAT_FLAGS,
    {
      name: "dtype",
      value: "type",
      description: `of .safetensors and .pt: ${FLOAT_TYPES.join(", ")}; default float32`,
    },
    MEMORY_FLAG,
  ],
  notes:
    `Files are .npy, .npz, .safetensors, PyTorch's .pt and .pth, PNG, JPEG and WAV. They are read by
what is in them and written as the output's name says. Of PyTorch's files nothing is run, and only
tensors are taken; nested dicts become names with dots. All values become float32 on the way, which
rounds float64 and large integers. A .npy file, a picture and a sound hold one array.
The path - is standard input or output; what is printed then goes to standard error.

Examples:
  tileconv convert model.pt model.safetensors --dtype float16
  tileconv convert model.safetensors weight.npy --name features.0.weight
  tileconv convert photo.jpg photo.npy
  tileconv convert - - --format npz < model.pt > model.npz`,
  run: runConvert,
};

/** Of what is written there are the values as the file has them, its parts, and the whole. */
const COPIES = 3;

async function runConvert(args: Arguments, output: Output): Promise<number> {
  const [source, path] = args.positionals;
  if (source === undefined) throw new UsageError("Name the file to read");
  if (path === undefined) throw new UsageError("Name the file to write");
  checkNoMore(args, 2);
  const { format, file: form } = formatOf(args, path);
  const dtype = choiceFlag(args, "dtype", FLOAT_TYPES);
  if (dtype !== undefined && !format.hasTypes) {
    throw new UsageError(`Option "--dtype" is for .safetensors and .pt, not for ${form.name}`);
  }
  const sampleRate = sampleRateFlag(args);
  const [target] = await outputsOf([source], path, form);
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  const file = await openArrays(source, { limit, files, warn: output.warn });
  const chosen = chooseArrays(file, format, args.values.get("name"));
  const encoding: Encoding = {
    dtype,
    bitDepth: file.bitDepth,
    sampleRate: sampleRate ?? file.sampleRate,
  };
  for (const { shape } of chosen) checkFormat(format, shape, encoding);
  const values = chosen.reduce((sum, { shape }) => sum + product(shape), 0);
  const bytes = COPIES * Float32Array.BYTES_PER_ELEMENT * values;
  checkMemory(limit, "Converting", file.fileBytes + file.heldBytes + bytes);
  await target?.write([await encodeArrays(format, await readAll(chosen), encoding)]);
  const print = target?.isStandard ? output.warn : output.print;
  print(formatFields([
    ["input", file.name],
    ["output", `${target?.name}`],
    ["arrays", formatCount(chosen.length)],
    ["values", formatCount(values)],
  ]));
  return 0;
}

function chooseArrays(
  file: ArrayFile,
  { holdsNames }: ArrayFormat,
  name: string | undefined,
): readonly StoredArray[] {
  return holdsNames && name === undefined ? file.arrays : [arrayOf(file, name, "--name")];
}

async function readAll(arrays: readonly StoredArray[]): Promise<Readonly<Record<string, Tensor>>> {
  const read: Record<string, Tensor> = Object.create(null);
  for (const array of arrays) read[array.name] = await array.read();
  return read;
}
