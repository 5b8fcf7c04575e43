import type { Conv2d } from "../../layers/conv.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { createRandom } from "../../tensor/random.ts";
import { AdamW } from "../../train/adam.ts";
import { crossEntropy } from "../../train/cross_entropy.ts";
import { cosineSchedule, linearSchedule, sequentialSchedule } from "../../train/schedule.ts";
import { Tape } from "../../train/tape.ts";
import { CLASSES, computeLogits, digitBatch, recordLogits } from "./digit_network.ts";
import type { Digits } from "./mnist.ts";

/** How training goes: with the same settings it ends in the same bits. */
export interface TrainingSettings {
  readonly epochs: number;
  /** Digits of a step. */
  readonly batch: number;
  /** Fixes the order of the digits, in all epochs. */
  readonly seed: number;
}

/** What came of a step. */
export interface StepResult {
  readonly loss: number;
  /** The share of its digits that were told right, before the step. */
  readonly accuracy: number;
}

const LEARNING_RATE = 0.003;
const WEIGHT_DECAY = 0.01;
const LABEL_SMOOTHING = 0.05;

/** The share of all steps in which the learning rate rises. */
const WARM_UP = 0.1;

/** A training that can be left after any step, and gone on with. */
export class DigitTraining {
  readonly layers: readonly Conv2d[];
  readonly optimizer: AdamW;
  /** The losses of the steps so far. */
  readonly losses: number[] = [];
  readonly #digits: Digits;
  readonly settings: TrainingSettings;
  /** The order of the digits in an epoch. */
  #order: { readonly epoch: number; readonly indices: readonly number[] } | null = null;

  /**
   * @param layers What is trained.
   * @param digits What it is trained on.
   * @param settings How.
   */
  constructor(layers: readonly Conv2d[], digits: Digits, settings: TrainingSettings) {
    this.layers = layers;
    this.#digits = digits;
    this.settings = settings;
    const rise = Math.ceil(WARM_UP * this.steps);
    this.optimizer = new AdamW(layers.flatMap((layer) => layer.parameters()), {
      learningRate: LEARNING_RATE,
      weightDecay: WEIGHT_DECAY,
      schedule: sequentialSchedule([
        linearSchedule({ steps: rise, start: 0.1 }),
        cosineSchedule({ steps: this.steps - rise }),
      ], [rise]),
    });
  }

  /** Steps of an epoch: what does not fill a batch is left out. */
  get epochSteps(): number {
    return Math.floor(this.#digits.labels.length / this.settings.batch);
  }

  /** Steps in all. */
  get steps(): number {
    return this.settings.epochs * this.epochSteps;
  }

  /** Whether all steps have been taken. */
  get isDone(): boolean {
    return this.losses.length >= this.steps;
  }

  /** Takes the next step. Until it is over, nothing of the training has changed. */
  async step(): Promise<StepResult> {
    const { batch } = this.settings;
    const epoch = Math.floor(this.losses.length / this.epochSteps);
    const first = this.losses.length % this.epochSteps * batch;
    const indices = this.#orderOf(epoch).slice(first, first + batch);
    const labels = indices.map((index) => this.#digits.labels[index] ?? 0);
    const tape = new Tape();
    const logits = await recordLogits(tape, this.layers, digitBatch(this.#digits, indices));
    const { loss, gradient } = crossEntropy(logits, labels, { labelSmoothing: LABEL_SMOOTHING });
    this.optimizer.zeroGrad();
    await tape.backward(logits, gradient);
    this.optimizer.step();
    this.losses.push(loss);
    return { loss, accuracy: countRight(logits, labels) / batch };
  }

  #orderOf(epoch: number): readonly number[] {
    if (this.#order?.epoch === epoch) return this.#order.indices;
    const random = createRandom("train digits", this.settings.seed + epoch);
    const indices = Array.from(this.#digits.labels, (_, index) => index);
    for (let last = indices.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      [indices[last], indices[other]] = [indices[other] ?? 0, indices[last] ?? 0];
    }
    this.#order = { epoch, indices };
    return indices;
  }
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
    const logits = await computeLogits(layers, digitBatch(digits, indices));
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
