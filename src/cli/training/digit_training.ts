import type { Conv2d } from "../../layers/conv.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { createRandom } from "../../tensor/random.ts";
import { crossEntropy } from "../../train/cross_entropy.ts";
import type { Tape } from "../../train/tape.ts";
import { CLASSES, digitBatch, logitsOf } from "./digit_network.ts";
import type { Digits } from "./mnist.ts";
import { randomOrder } from "./random_order.ts";
import { applyLayers, type ForwardPass, recordLayers, Training } from "./training.ts";

/** How training goes: with the same settings it ends in the same bits. */
export interface DigitSettings {
  readonly epochs: number;
  /** Digits of a step. */
  readonly batch: number;
  /** Fixes the order of the digits, in all epochs. */
  readonly seed: number;
}

const RATES = { learningRate: 0.003, weightDecay: 0.01 };
const LABEL_SMOOTHING = 0.05;

/** Learns to tell digits apart. */
export class DigitTraining extends Training<DigitSettings> {
  readonly #digits: Digits;
  /** The order of the digits in an epoch. */
  #order: { readonly epoch: number; readonly indices: readonly number[] } | null = null;

  /**
   * @param layers What is trained.
   * @param digits What it is trained on.
   * @param settings How.
   */
  constructor(layers: readonly Conv2d[], digits: Digits, settings: DigitSettings) {
    const steps = settings.epochs * epochSteps(digits, settings);
    super(layers, settings, steps, RATES);
    this.#digits = digits;
  }

  protected override async forward(tape: Tape, step: number): Promise<ForwardPass> {
    const { batch } = this.settings;
    const perEpoch = epochSteps(this.#digits, this.settings);
    const first = step % perEpoch * batch;
    const indices = this.#orderOf(Math.floor(step / perEpoch)).slice(first, first + batch);
    const labels = indices.map((index) => this.#digits.labels[index] ?? 0);
    const input = digitBatch(this.#digits, indices);
    const output = logitsOf(await recordLayers(tape, this.layers, input));
    const { loss, gradient } = crossEntropy(output, labels, { labelSmoothing: LABEL_SMOOTHING });
    const accuracy = countRight(output, labels) / batch;
    return { output, loss, gradient, quality: `${(100 * accuracy).toFixed(1)} % right` };
  }

  #orderOf(epoch: number): readonly number[] {
    if (this.#order?.epoch === epoch) return this.#order.indices;
    const random = createRandom("train digits", this.settings.seed + epoch);
    const indices = randomOrder(this.#digits.labels.length, random);
    this.#order = { epoch, indices };
    return indices;
  }
}

/** Steps of an epoch: what does not fill a batch is left out. */
function epochSteps({ labels }: Digits, { batch }: DigitSettings): number {
  return Math.floor(labels.length / batch);
}

/** Digits that are told at a time. */
const TEST_BATCH = 500;

/**
 * The share of digits that layers tell right.
 *
 * @param advance Is told how many more have been looked at.
 */
export async function testAccuracy(
  layers: readonly Conv2d[],
  digits: Digits,
  advance: (digits: number) => void = () => {},
): Promise<number> {
  const { length } = digits.labels;
  let right = 0;
  for (let first = 0; first < length; first += TEST_BATCH) {
    const count = Math.min(TEST_BATCH, length - first);
    const indices = Array.from({ length: count }, (_, i) => first + i);
    const logits = logitsOf(await applyLayers(layers, digitBatch(digits, indices)));
    right += countRight(logits, indices.map((index) => digits.labels[index] ?? 0));
    advance(count);
  }
  return right / length;
}

/** How many items have their largest logit where their label says. */
function countRight({ data }: AnyTensor, labels: readonly number[]): number {
  return labels.filter((label, item) => {
    const logits = data.subarray(item * CLASSES, (item + 1) * CLASSES);
    return logits.every((logit, other) => other === label || logit < (logits[label] ?? NaN));
  }).length;
}
