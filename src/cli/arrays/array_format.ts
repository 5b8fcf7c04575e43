/**
 * The forms that commands write arrays in.
 *
 * @module
 */

import { extname } from "node:path";
import { describeShape } from "../../base/checks.ts";
import type { FloatType } from "../../io/arrays/floats.ts";
import { encodeNpy } from "../../io/arrays/npy.ts";
import { encodeNpz } from "../../io/arrays/npz.ts";
import { encodeSafetensors } from "../../io/arrays/safetensors.ts";
import { encodeTorch } from "../../io/arrays/torch/encode.ts";
import { encodeJpeg } from "../../io/pictures/jpeg.ts";
import { encodePng } from "../../io/pictures/png.ts";
import { encodeWav } from "../../io/sound/wav.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Arguments, Flag } from "../args.ts";
import type { Format } from "../output_file.ts";
import { UsageError } from "../usage_error.ts";
import { choiceFlag, integerFlag } from "../values.ts";

/** What must be known besides the values. */
export interface Encoding {
  /** Of tensors by name. */
  readonly dtype?: FloatType | undefined;
  /** Of pictures. */
  readonly bitDepth?: 8 | 16 | undefined;
  /** Of sounds. */
  readonly sampleRate?: number | undefined;
}

/** Tensors to write, by name. */
export type Arrays = Readonly<Record<string, Tensor>>;

/** A form. */
export interface ArrayFormat {
  /** What `--format` calls it. */
  readonly word: string;
  /** With an article. */
  readonly name: string;
  /** With their dots; the first is the usual one. */
  readonly extensions: readonly [string, ...string[]];
  /** Whether it holds any number of arrays, by name. */
  readonly holdsNames: boolean;
  /** Whether its values have one of several types. */
  readonly hasTypes: boolean;
  /** What arrays it holds, as a sentence goes on. */
  readonly holds: string;
  /** The shape in which it holds an array; `null` if it cannot. */
  fit(shape: readonly number[]): readonly number[] | null;
  /** The bytes of arrays whose shapes fit. */
  encode(arrays: Arrays, encoding: Encoding): Promise<Uint8Array> | Uint8Array;
}

const NAMED = {
  holdsNames: true,
  hasTypes: false,
  holds: "arrays of any shape",
  fit: (shape: readonly number[]) => shape,
};

const ONE = { ...NAMED, holdsNames: false };

const FORMATS: readonly ArrayFormat[] = [
  {
    ...ONE,
    word: "npy",
    name: "a .npy file",
    extensions: [".npy"],
    encode: (arrays) => encodeNpy(onlyOf(arrays)),
  },
  {
    ...NAMED,
    word: "npz",
    name: "a .npz file",
    extensions: [".npz"],
    encode: (arrays) => encodeNpz(arrays),
  },
  {
    ...NAMED,
    word: "safetensors",
    name: "a .safetensors file",
    extensions: [".safetensors"],
    hasTypes: true,
    encode: (arrays, { dtype = "float32" }) => encodeSafetensors(arrays, { dtype }),
  },
  {
    ...NAMED,
    word: "pt",
    name: "a file of PyTorch",
    extensions: [".pt", ".pth"],
    hasTypes: true,
    encode: (arrays, { dtype = "float32" }) => encodeTorch(arrays, { dtype }),
  },
  {
    ...ONE,
    word: "png",
    name: "a PNG file",
    extensions: [".png"],
    holds: "pictures (C, H, W) of 1 to 4 channels",
    fit: (shape) => fitPicture(shape, [1, 2, 3, 4]),
    encode: (arrays, { bitDepth = 8 }) => encodePng({ pixels: onlyOf(arrays), bitDepth }),
  },
  {
    ...ONE,
    word: "jpeg",
    name: "a JPEG file",
    extensions: [".jpg", ".jpeg"],
    holds: "pictures (C, H, W) of 1 or 3 channels",
    fit: (shape) => fitPicture(shape, [1, 3]),
    encode: (arrays) => encodeJpeg({ pixels: onlyOf(arrays) }),
  },
  {
    ...ONE,
    word: "wav",
    name: "a WAV file",
    extensions: [".wav"],
    holds: "sounds (channels, samples)",
    fit: fitSound,
    // Integers would cut off what is beyond full scale.
    encode: (arrays, { sampleRate = 0 }) =>
      encodeWav({ samples: onlyOf(arrays), sampleRate }, { format: "float32" }),
  },
];

const [NPY] = FORMATS;

/** The flags that say how arrays are written. */
export const FORMAT_FLAGS: readonly Flag[] = [
  {
    name: "format",
    value: "name",
    description: `${FORMATS.map(({ word }) => word).join(", ")}; default: by the output's name`,
  },
  {
    name: "sample-rate",
    value: "n",
    description: "samples a second, for WAV; default: as the input has them",
  },
];

/** A form, and what is written in it. */
export interface ChosenFormat {
  readonly format: ArrayFormat;
  /** The same for what names files. */
  readonly file: Format;
}

/**
 * The form of an output: the one that is asked for, or that its name ends in, or `.npy`.
 *
 * @throws {UsageError} If there is no such form.
 */
export function formatOf(args: Arguments, target: string): ChosenFormat {
  const word = choiceFlag(args, "format", FORMATS.map(({ word }) => word));
  const extension = extname(target).toLowerCase();
  const format =
    FORMATS.find((format) =>
      word === undefined ? format.extensions.includes(extension) : format.word === word
    ) ?? NPY;
  if (format === undefined) throw new Error("There are no formats");
  const own = format.extensions.find((each) => each === extension) ?? format.extensions[0];
  return { format, file: { name: format.name, extension: own } };
}

/**
 * Checks that an output can be written.
 *
 * @param format Its form.
 * @param shape Its shape.
 * @throws {UsageError} If the form cannot hold it, or needs what is not known.
 */
export function checkFormat(
  { word, name, holds, fit }: ArrayFormat,
  shape: readonly number[],
  { sampleRate }: Encoding,
): void {
  if (fit(shape) === null) {
    throw new UsageError(
      `What is written is ${name}, which holds ${holds}, but the output has shape ${
        describeShape(shape)
      }`,
    );
  }
  if (word === "wav" && sampleRate === undefined) {
    throw new UsageError('A WAV file needs the option "--sample-rate"');
  }
}

/** The samples a second that a command line asks for. */
export function sampleRateFlag(args: Arguments): number | undefined {
  return integerFlag(args, "sample-rate", 1, 2 ** 32 - 1);
}

/** The bytes of arrays that {@linkcode checkFormat} has let pass. */
export async function encodeArrays(
  { holdsNames, fit, encode }: ArrayFormat,
  arrays: Arrays,
  encoding: Encoding,
): Promise<Uint8Array> {
  if (holdsNames) return await encode(arrays, encoding);
  const array = onlyOf(arrays);
  const shape = fit(array.shape) ?? array.shape;
  return await encode(
    { array: sameShape(shape, array.shape) ? array : array.reshape(shape) },
    encoding,
  );
}

function onlyOf(arrays: Arrays): Tensor {
  const [array, ...others] = Object.values(arrays);
  if (array === undefined || others.length > 0) {
    throw new Error(`One array is expected, but there are ${others.length}`);
  }
  return array;
}

/** A batch of one is no batch, and what has no channels has one. */
function withAxes(shape: readonly number[], axes: number): readonly number[] {
  let fitted = shape;
  while (fitted.length > axes && fitted[0] === 1) fitted = fitted.slice(1);
  return fitted.length === axes - 1 ? [1, ...fitted] : fitted;
}

function fitPicture(
  shape: readonly number[],
  channels: readonly number[],
): readonly number[] | null {
  const fitted = withAxes(shape, 3);
  const isPicture = fitted.length === 3 && channels.includes(fitted[0] ?? 0) && !fitted.includes(0);
  return isPicture ? fitted : null;
}

function fitSound(shape: readonly number[]): readonly number[] | null {
  const fitted = withAxes(shape, 2);
  return fitted.length === 2 && fitted[0] !== 0 ? fitted : null;
}
