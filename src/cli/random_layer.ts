import type { Geometry } from "../convolution/geometry.ts";
import type { PaddingMode } from "../convolution/settings.ts";
import { multiplyAdds } from "../convolution/geometry.ts";
import { resolveCall } from "../layers/call.ts";
import type { Random } from "../tensor/random.ts";
import { createRandom } from "../tensor/random.ts";
import type { Padding, SizeOptions } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import type { LayerKind, LayerSpec } from "./layer_options.ts";

/** A layer and the shape of an input that fits it. */
export interface RandomLayer {
  readonly spec: LayerSpec;
  readonly inputShape: readonly number[];
  readonly geometry: Geometry;
}

/** More work than this in one layer only takes time: the edges are all at small sizes. */
const MOST_MULTIPLY_ADDS = 1_000_000;

/** The reference needs memory for the output even where there is little to multiply. */
const MOST_POSITIONS = 200_000;

/**
 * Draws a layer, its options and an input shape. Every rank, every option and combination of them, and
 * channel counts that blocks of 4, 8 and 16 split badly can come up.
 *
 * @param seed A non-negative integer; the same seed gives the same layer.
 */
export function drawLayer(seed: number): RandomLayer {
  const random = createRandom("drawLayer()", seed);
  // Sizes are drawn without asking whether they fit together; most do.
  for (;;) {
    const layer = fit(drawDraft(new Dice(random), seed));
    if (layer !== null) return layer;
  }
}

/** A layer that may turn out to be impossible. */
interface Draft {
  readonly spec: LayerSpec;
  readonly inputShape: readonly number[];
  /** By how much an output size is to exceed the least one, or `null` for none. */
  readonly extension: readonly number[] | null;
}

function fit({ spec, inputShape, extension }: Draft): RandomLayer | null {
  try {
    const { kind, options, ...sizes } = spec;
    const settings = resolveSettings({ ...kind, ...sizes }, options, Object.keys(options));
    const least = resolveCall(settings, inputShape, undefined, "").outputShape.slice(-kind.rank);
    const outputSize = extension?.map((more, axis) => (least[axis] ?? 0) + more);
    const { geometry } = resolveCall(settings, inputShape, outputSize, "");
    const { batch, outChannels, output } = geometry;
    const positions = output.reduce((product, size) => product * size, batch * outChannels);
    const small = multiplyAdds(geometry) <= MOST_MULTIPLY_ADDS && positions <= MOST_POSITIONS;
    return small ? { spec: { ...spec, outputSize }, inputShape, geometry } : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function drawDraft(dice: Dice, seed: number): Draft {
  const rank = dice.pick([1, 2, 2, 3] as const);
  const transposed = dice.chance(0.4);
  const kind: LayerKind = {
    name: `Conv${transposed ? "Transpose" : ""}${rank}d`,
    transposed,
    rank,
  };
  const groups = dice.pick([1, 1, 1, 2, 3, 4, 8, 17]);
  const [inChannels, outChannels] = [groups * drawChannels(dice), groups * drawChannels(dice)];
  const perAxis = (draw: () => number) => Array.from({ length: rank }, draw);
  const spatial = perAxis(() => dice.integer(1, rank === 1 ? 200 : rank === 2 ? 33 : 11));
  const kernelSize = perAxis(() => dice.pick([1, 1, 2, 3, 3, 4, 5, 7]));
  const common = {
    stride: perAxis(() => dice.pick([1, 1, 1, 2, 2, 3, 4])),
    dilation: perAxis(() => dice.pick([1, 1, 1, 2, 3])),
    padding: drawPadding(dice, perAxis),
    groups,
  };
  const extension = transposed ? dice.pick(["none", "outputPadding", "outputSize"]) : "none";
  const options: SizeOptions = {
    ...common,
    ...(extension === "outputPadding" ? { outputPadding: perAxis(() => dice.integer(0, 2)) } : {}),
    ...(transposed ? {} : { paddingMode: drawPaddingMode(dice) }),
  };
  const batch = dice.pick([null, 0, 1, 1, 1, 2, 3]);
  return {
    spec: {
      kind,
      inChannels,
      outChannels,
      kernelSize,
      options,
      bias: dice.chance(0.7),
      algorithm: undefined,
      activation: {},
      seed,
      outputSize: undefined,
    },
    inputShape: [...(batch === null ? [] : [batch]), inChannels, ...spatial],
    extension: extension === "outputSize" ? perAxis(() => dice.integer(0, 2)) : null,
  };
}

/** Channels of one group. */
function drawChannels(dice: Dice): number {
  return dice.chance(0.5) ? dice.integer(1, 9) : dice.pick([1, 1, 15, 16, 17, 32, 33]);
}

function drawPadding(dice: Dice, perAxis: (draw: () => number) => number[]): Padding {
  const size = () => dice.pick([0, 0, 1, 1, 2, 3, 5]);
  switch (dice.integer(0, 3)) {
    case 0:
      return "same";
    case 1:
      return perAxis(size).map((begin) => [begin, size()] as const);
    default:
      return perAxis(size);
  }
}

function drawPaddingMode(dice: Dice): PaddingMode {
  return dice.pick(["zeros", "zeros", "reflect", "replicate", "circular"]);
}

/** Draws from a source of random numbers. */
class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A whole number from `least` to `most`. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** One of some values; those named twice come up twice as often. */
  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.integer(0, values.length - 1)] ?? values[0];
  }

  /** Whether something happens that has this probability. */
  chance(probability: number): boolean {
    return this.#random() < probability;
  }
}
