/**
 * The arrays that a layer is run on: from files, from standard input, or drawn.
 *
 * @module
 */

import { describe, describeShape } from "../../base/checks.ts";
import { weightShape } from "../../convolution/geometry.ts";
import type { ConvSettings } from "../../convolution/settings.ts";
import { checkShape, countElements, sameShape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { LayerKind, LayerSizes } from "../layer_options.ts";
import { STANDARD_STREAM } from "../standard_streams.ts";
import { asUsage, UsageError } from "../usage_error.ts";
import { checkExclusive, integerFlag, shapeFlag } from "../values.ts";
import type { ArrayFile, OpenOptions, StoredArray } from "./array_file.ts";
import { arrayOf, openArrays } from "./array_file.ts";
import type { Encoding } from "./array_format.ts";
import type { LayerState } from "./layer_state.ts";
import { layerIn } from "./layer_state.ts";

/** An array that is known but not there yet. */
export interface Source {
  /** How the user knows its file; `null` if it is drawn. */
  readonly name: string | null;
  /** What it is called at the beginning of an error message. */
  readonly subject: string;
  readonly shape: readonly number[];
  /** What its file takes while it is read; 0 without one. */
  readonly fileBytes: number;
  /** What its file takes all the time. */
  readonly heldBytes: number;
  /** Of a sound, its samples a second; of a picture, the bits of a sample. */
  readonly encoding: Encoding;
  read(): Promise<Tensor>;
}

/** The arrays that come from files or the seed. */
export interface Sources {
  /** At least one. */
  readonly inputs: readonly Source[];
  readonly weight: Source | null;
  readonly bias: Source | null;
  /** All that there is of the layer, where weight and bias come from one file. */
  readonly state: LayerState | null;
}

/** The paths of the inputs, in order: those of `--input` and those behind the layer. */
export function inputPaths({ positionals, lists }: Arguments): readonly string[] {
  return [...lists.get("input") ?? [], ...positionals.slice(1)];
}

/**
 * Finds the arrays, and reads of their files what says how large they are.
 *
 * @param args The command line.
 * @param kind The layer.
 * @param options How files are opened.
 * @throws {UsageError} If a flag is wrong or there is no input.
 * @throws {FileError} If a file cannot be read or has no such array.
 */
export async function findSources(
  args: Arguments,
  kind: LayerKind,
  options: OpenOptions,
): Promise<Sources> {
  const { values } = args;
  const paths = inputPaths(args);
  checkSources(args, paths);
  const inputName = values.get("input-name");
  const inputs: Source[] = [];
  for (const path of paths) {
    inputs.push(sourceIn(await openArrays(path, options), inputName, "--input-name"));
  }
  const find = async (path: string | undefined) =>
    path === undefined ? null : sourceIn(await openArrays(path, options), undefined, STATE_FLAGS);
  return {
    inputs: inputs.length === 0 ? [drawnInput(args)] : inputs,
    ...await findState(values, kind, options) ?? {
      weight: await find(values.get("weight")),
      bias: await find(values.get("bias")),
      state: null,
    },
  };
}

/** What the parameters of one file among others are named by. */
const STATE_FLAGS = "--weights and --name";

async function findState(
  values: Arguments["values"],
  kind: LayerKind,
  options: OpenOptions,
): Promise<Omit<Sources, "inputs"> | null> {
  const path = values.get("weights");
  if (path === undefined) return null;
  const file = await openArrays(path, options);
  const state = layerIn(file, kind.name, kind.rank + 2, values.get("name"));
  const bias = state.bias === null ? null : { ...sourceOf(file, state.bias), heldBytes: 0 };
  return { weight: sourceOf(file, state.weight), bias, state };
}

function checkSources({ values, switches }: Arguments, inputs: readonly string[]): void {
  if (inputs.length > 0 && values.has("input-shape")) {
    throw new UsageError(`Option "--input-shape" is in place of the input "${inputs[0]}"`);
  }
  checkExclusive(new Set([...values.keys(), ...switches]), "bias", "no-bias");
  checkExclusive(values, "weights", "weight");
  checkExclusive(values, "weights", "bias");
  if (values.has("name") && !values.has("weights")) {
    throw new UsageError('Option "--name" says which layer of "--weights", which is missing');
  }
  if (values.has("input-name") && inputs.length === 0) {
    throw new UsageError('Option "--input-name" says which array of an input, which is missing');
  }
  const flags = ["weights", "weight", "bias"].map((flag) => values.get(flag));
  if ([...inputs, ...flags].filter((path) => path === STANDARD_STREAM).length > 1) {
    throw new UsageError(`Only one array can come from standard input ("${STANDARD_STREAM}")`);
  }
}

function sourceIn(file: ArrayFile, name: string | undefined, flag: string): Source {
  return sourceOf(file, arrayOf(file, name, flag));
}

function sourceOf(file: ArrayFile, { name, shape, read }: StoredArray): Source {
  const { fileBytes, heldBytes, sampleRate, bitDepth } = file;
  const isOnly = file.arrays.length === 1;
  return {
    name: isOnly ? file.name : `${file.name}, ${name}`,
    subject: isOnly ? file.quoted : `${file.quoted}, array ${describe(name)}`,
    shape,
    fileBytes,
    heldBytes,
    encoding: { sampleRate, bitDepth },
    read,
  };
}

function drawnInput(args: Arguments): Source {
  const shape = shapeFlag(args, "input-shape");
  if (shape === undefined) {
    throw new UsageError('Name the file to read, or the "--input-shape" of random values');
  }
  const seed = integerFlag(args, "seed", 0) ?? 0;
  const subject = 'Option "--input-shape"';
  asUsage(() => countElements(subject, "an input", checkShape(subject, shape)));
  const read = () => Promise.resolve(Tensor.randn(shape, { seed }));
  return { name: null, subject, shape, fileBytes: 0, heldBytes: 0, encoding: {}, read };
}

/** Runs a check of an array: what is wrong with a file is no fault of the command line. */
export function checkSource<Result>({ name }: Source, check: () => Result): Result {
  return name === null ? asUsage(check) : check();
}

/**
 * The sizes of a layer that the shape of its weight says.
 *
 * @throws {RangeError} If it is not the weight of such a layer.
 */
export function sizesOfWeight(args: Arguments, kind: LayerKind, weight: Source): LayerSizes {
  const [first = 0, second = 0, ...kernelSize] = weight.shape;
  if (kernelSize.length !== kind.rank) {
    throw new RangeError(
      `${weight.subject}: the weight of ${kind.name} has ${kind.rank + 2} axes, but the file has ` +
        `${weight.shape.length}, of shape ${describeShape(weight.shape)}`,
    );
  }
  const groups = integerFlag(args, "groups", 1) ?? 1;
  return kind.transposed
    ? { inChannels: first, outChannels: second * groups, kernelSize }
    : { inChannels: second * groups, outChannels: first, kernelSize };
}

/**
 * Compares the files of a layer's parameters with what the layer needs.
 *
 * @throws {RangeError} If a shape is another one.
 */
export function checkParameters(settings: ConvSettings, { weight, bias }: Sources): void {
  const check = (what: string, source: Source | null, shape: readonly number[], hint: string) => {
    if (source === null || sameShape(source.shape, shape)) return;
    throw new RangeError(
      `${source.subject}: the ${what} of this ${settings.name} has shape ${
        describeShape(shape)
      }, ` +
        `but the file has ${describeShape(source.shape)}${hint}`,
    );
  };
  check("weight", weight, weightShape(settings), hintGroups(settings, weight));
  const outChannels = bias?.shape[0] ?? settings.outChannels;
  const hint = settings.transposed ? hintGroups({ ...settings, outChannels }, weight) : "";
  check("bias", bias, [settings.outChannels], hint);
}

/**
 * How an error message goes on about channels that would fit in groups.
 *
 * @param sizes The channels and groups of the layer.
 * @param weight Its weight; of groups it has the channels of one.
 * @returns Nothing if another number of groups would not help.
 */
export function hintGroups(
  { transposed, inChannels, outChannels, groups }: Pick<
    ConvSettings,
    "transposed" | "inChannels" | "outChannels" | "groups"
  >,
  weight: Source | null,
): string {
  const [first = 0, perGroup = 0] = weight?.shape ?? [];
  const [whole, split] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
  const fitting = split / perGroup;
  const fits = first === whole && Number.isInteger(fitting) && whole % fitting === 0;
  return fits && fitting !== groups ? `; it would fit with --groups ${fitting}` : "";
}
