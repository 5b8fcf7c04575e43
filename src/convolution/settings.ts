import {
  checkChoice,
  checkInteger,
  checkOptionNames,
  describe,
  describeShape,
} from "../base/checks.ts";

/** What lies beyond the border of the input. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** The valid values of the option `paddingMode`. */
export const PADDING_MODES: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

/** One number for all spatial axes, or one number per axis. */
export type Size = number | readonly number[];

/**
 * What is added around the input, or cut off the full result of a transposed layer: one number for all
 * borders; per axis a number for both its borders or a pair `[begin, end]`; `"valid"` for none; `"same"`
 * for as much as makes the output `ceil(in / stride)` (transposed `in * stride`), the odd one at the end.
 */
export type Padding =
  | number
  | "valid"
  | "same"
  | readonly (number | readonly [begin: number, end: number])[];

/** A pair of paddings, `[begin, end]`. */
export type PaddingPair = readonly [begin: number, end: number];

/** What a convolution is built with, all sizes spelled out per spatial axis and checked. */
export interface ConvSettings {
  /** How error messages call it, such as `Conv2d`. */
  readonly name: string;
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  /** 0 where they are not known yet. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: "same" | readonly PaddingPair[];
  /** Zeros for convolutions that are not transposed. */
  readonly outputPadding: readonly number[];
  readonly paddingMode: PaddingMode;
}

/** The options of the sizes, as they come from the user: not checked yet. */
export interface SizeOptions {
  readonly stride?: Size;
  readonly padding?: Padding;
  readonly dilation?: Size;
  readonly groups?: number;
  readonly outputPadding?: Size;
  readonly paddingMode?: PaddingMode;
}

/** In place of input channels that come later. No user's value can be taken for it. */
export const NOT_YET_KNOWN: unique symbol = Symbol("not yet known");

/** What a convolution is before its options: its name, kind, channels and kernel. */
export interface Subject {
  readonly name: string;
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  readonly inChannels: number | typeof NOT_YET_KNOWN;
  readonly outChannels: number;
  readonly kernelSize: Size;
}

/**
 * Checks the options of a convolution and spells them out.
 *
 * @param subject What the options are for.
 * @param options The options as the user gave them.
 * @param names The option names that are valid.
 * @returns The settings.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If a value is out of range.
 */
export function resolveSettings(
  subject: Subject,
  options: SizeOptions,
  names: readonly string[],
): ConvSettings {
  const { name, transposed, rank } = subject;
  checkOptionNames(name, options, names);
  const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0 } = options;
  const { paddingMode = "zeros" } = options;
  const inChannels = subject.inChannels === NOT_YET_KNOWN
    ? 0
    : checkInteger(name, "inChannels", subject.inChannels, 1);
  const outChannels = checkInteger(name, "outChannels", subject.outChannels, 1);
  checkInteger(name, "groups", groups, 1);
  checkGroups(name, "inChannels", inChannels, groups);
  checkGroups(name, "outChannels", outChannels, groups);
  const settings: ConvSettings = {
    name,
    transposed,
    rank,
    inChannels,
    outChannels,
    groups,
    kernel: resolveSize(name, "kernelSize", subject.kernelSize, rank, 1),
    stride: resolveSize(name, "stride", stride, rank, 1),
    dilation: resolveSize(name, "dilation", dilation, rank, 1),
    padding: resolvePadding(name, padding, rank),
    outputPadding: resolveSize(name, "outputPadding", outputPadding, rank, 0),
    paddingMode: checkChoice(name, "paddingMode", paddingMode, PADDING_MODES),
  };
  if (transposed) checkOutputPadding(settings);
  return settings;
}

/**
 * Spells out a size: one number per axis.
 *
 * @throws {TypeError} If it is neither a number nor an array of numbers.
 * @throws {RangeError} If it has not one number per axis, or one is not an integer of at least `least`.
 */
export function resolveSize(
  where: string,
  what: string,
  value: unknown,
  rank: number,
  least: number,
): readonly number[] {
  if (!Array.isArray(value)) {
    if (typeof value !== "number") {
      throw new TypeError(
        `${where}: ${what} must be a number or an array of ${rank}, but is ${describe(value)}`,
      );
    }
    return Object.freeze(new Array<number>(rank).fill(checkInteger(where, what, value, least)));
  }
  if (value.length !== rank) {
    throw new RangeError(
      `${where}: ${what} must have one number per spatial axis (${rank}), but is ${
        describe(value)
      }`,
    );
  }
  return Object.freeze(
    Array.from(
      value,
      (size: unknown, axis) => checkInteger(where, `${what}[${axis}]`, size, least),
    ),
  );
}

function resolvePadding(
  name: string,
  padding: unknown,
  rank: number,
): "same" | readonly PaddingPair[] {
  if (padding === "same") return "same";
  if (padding === "valid") return resolvePadding(name, 0, rank);
  if (typeof padding === "string") {
    throw new RangeError(
      `${name}: padding must be a size, "valid" or "same", but is ${describe(padding)}`,
    );
  }
  if (Array.isArray(padding) && padding.length !== rank) {
    const hint = rank === 1 && padding.length === 2
      ? `; a pair for the one axis is written [[begin, end]]`
      : "";
    throw new RangeError(
      `${name}: padding must have one number or [begin, end] pair per spatial axis (${rank}), but is ` +
        describe(padding) + hint,
    );
  }
  if (!Array.isArray(padding)) {
    return resolveSize(name, "padding", padding, rank, 0).map((size) => [size, size] as const);
  }
  return padding.map((size: unknown, axis): PaddingPair => {
    const what = `padding[${axis}]`;
    if (!Array.isArray(size)) {
      const both = checkInteger(name, what, size, 0);
      return [both, both];
    }
    if (size.length !== 2) {
      throw new RangeError(
        `${name}: ${what} must be a number or a pair [begin, end], but is ${describe(size)}`,
      );
    }
    return [
      checkInteger(name, `${what}[0]`, size[0], 0),
      checkInteger(name, `${what}[1]`, size[1], 0),
    ];
  });
}

function checkGroups(name: string, what: string, channels: number, groups: number): void {
  if (channels % groups === 0) return;
  throw new RangeError(
    `${name}: ${what} must be divisible by groups, but ${channels} is not divisible by ${groups}`,
  );
}

function checkOutputPadding({ name, outputPadding, stride, dilation }: ConvSettings): void {
  outputPadding.forEach((size, axis) => {
    const most = Math.max(stride[axis] ?? 1, dilation[axis] ?? 1) - 1;
    if (size <= most) return;
    throw new RangeError(
      `${name}: outputPadding must be less than stride or dilation, from 0 to ${most} on spatial ` +
        `axis ${axis}, but is ${describeShape(outputPadding)}`,
    );
  });
}

/** A padding as a user would write it. */
export function shortPadding({ padding }: Pick<ConvSettings, "padding">): Padding {
  if (padding === "same") return padding;
  return padding.map(([begin, end]) => begin === end ? begin : [begin, end] as const);
}
