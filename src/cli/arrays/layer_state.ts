/**
 * The layers in a file of tensors by name, as PyTorch's state dicts have them.
 *
 * @module
 */

import { didYouMean } from "../../base/checks.ts";
import { FileError } from "../../io/files.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ArrayFile, StoredArray } from "./array_file.ts";
import { listOf } from "./array_file.ts";

/** A layer in a file. */
export interface LayerState {
  /** What stands before its names, without the dot; `""` if nothing does. */
  readonly prefix: string;
  /** The weight, or what has its shape. */
  readonly weight: StoredArray;
  readonly bias: StoredArray | null;
  /** All that belongs to the layer. */
  readonly arrays: readonly StoredArray[];
}

/** What the weight is called, or, where it is kept as length and direction, the direction. */
const WEIGHT = /^(?:(.*)\.)?(?:weight|weight_v|parametrizations\.weight\.original1)$/s;

/** What a parameter is called behind the layer's name. */
const PARAMETER = /^(?:[^.]+|parametrizations\.[^.]+\.[^.]+)$/s;

/** The layers in a file whose weights have so many axes; without, all that may be a convolution. */
export function layersIn({ arrays }: ArrayFile, weightAxes?: number): readonly LayerState[] {
  return arrays.flatMap((weight) => {
    const match = WEIGHT.exec(weight.name);
    const axes = weight.shape.length;
    if (match === null || (weightAxes === undefined ? axes < 3 || axes > 5 : axes !== weightAxes)) {
      return [];
    }
    const [, prefix = ""] = match;
    const begin = prefix === "" ? "" : `${prefix}.`;
    const own = arrays.filter(({ name }) =>
      name.startsWith(begin) && PARAMETER.test(name.slice(begin.length))
    );
    const bias = own.find(({ name }) => name === `${begin}bias`) ?? null;
    return [{ prefix, weight, bias, arrays: own }];
  });
}

/**
 * A layer of a file.
 *
 * @param file The file.
 * @param layer What layer it is to be, such as `Conv2d`.
 * @param weightAxes The axes of its weight.
 * @param name What it is called; where there is only one, it need not be called.
 * @throws {FileError} If there is none of that name, or several and no name.
 */
export function layerIn(
  file: ArrayFile,
  layer: string,
  weightAxes: number,
  name: string | undefined,
): LayerState {
  const layers = layersIn(file, weightAxes);
  const [first, ...others] = layers;
  if (first === undefined) {
    throw new FileError(
      `${file.quoted} has no weight of ${layer}, of ${weightAxes} axes; it holds ${
        listOf(file.arrays.map(({ name }) => name))
      }`,
    );
  }
  if (name === undefined && others.length === 0) return first;
  const wanted = name?.replace(/\.$/, "");
  const found = layers.find(({ prefix }) => prefix === wanted);
  if (found !== undefined) return found;
  const prefixes = layers.map(({ prefix }) => prefix);
  throw new FileError(
    wanted === undefined
      ? `${file.quoted} has ${layers.length} weights of ${layer} (${
        listOf(prefixes)
      }); name one with --name`
      : `${file.quoted} has no ${layer} called "${wanted}"${
        didYouMean(wanted, prefixes) || `, but ${listOf(prefixes)}`
      }`,
  );
}

/** The tensors of a layer by name, without those of a bias that it is not to have. */
export async function readState(
  { arrays, bias }: LayerState,
  hasBias: boolean,
): Promise<Readonly<Record<string, Tensor>>> {
  const own = arrays.filter((array) => hasBias || array !== bias);
  return Object.fromEntries(
    await Promise.all(own.map(async ({ name, read }) => [name, await read()] as const)),
  );
}

/**
 * The convolution that a weight could be of, as far as its shape and the bias say.
 *
 * @param state The layer.
 * @returns Such as `Conv2d(3, 16, 3x3)`.
 */
export function describeLayer({ weight, bias }: LayerState): string {
  const [first = 0, second = 0, ...kernel] = weight.shape;
  const outputs = bias?.shape[0];
  const isTransposed = outputs !== undefined && outputs !== first;
  const [kind, from, to] = isTransposed
    ? ["ConvTranspose", first, outputs]
    : ["Conv", second, first];
  return `${kind}${kernel.length}d(${from}, ${to}, ${kernel.join("x")})`;
}
