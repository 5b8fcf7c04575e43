import type { Conv2d } from "../../layers/conv.ts";
import type { AnyTensor, Tensor } from "../../tensor/tensor.ts";
import { AdamW } from "../../train/adam.ts";
import { cosineSchedule, linearSchedule, sequentialSchedule } from "../../train/schedule.ts";
import { Tape } from "../../train/tape.ts";

/** What came of a step. */
export interface StepResult {
  readonly loss: number;
  /** How well its examples were done, before the step: `97.5 % right`, say. */
  readonly quality: string;
}

/** A step up to its loss, recorded on a tape. */
export interface ForwardPass extends StepResult {
  /** What the loss is of. */
  readonly output: AnyTensor;
  /** The gradient of the loss with respect to that. */
  readonly gradient: Tensor;
}

/** How far a step goes. */
export interface Rates {
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** The share of all steps in which the learning rate rises. */
const WARM_UP = 0.1;

/**
 * A training that can be left after any step, and gone on with. With the same settings it ends in the same bits:
 * what is random in a step is to depend on the settings and the step alone.
 */
export abstract class Training<Settings extends object = object> {
  /** What is trained. */
  readonly layers: readonly Conv2d[];
  /** All that the weights in the end depend on. */
  readonly settings: Settings;
  /** Steps in all. */
  readonly steps: number;
  readonly optimizer: AdamW;
  /** The losses of the steps so far. */
  readonly losses: number[] = [];

  constructor(layers: readonly Conv2d[], settings: Settings, steps: number, rates: Rates) {
    this.layers = layers;
    this.settings = settings;
    this.steps = steps;
    const rise = Math.ceil(WARM_UP * steps);
    this.optimizer = new AdamW(layers.flatMap((layer) => layer.parameters()), {
      ...rates,
      schedule: sequentialSchedule([
        linearSchedule({ steps: rise, start: 0.1 }),
        cosineSchedule({ steps: Math.max(1, steps - rise) }),
      ], [rise]),
    });
  }

  /** Whether all steps have been taken. */
  get isDone(): boolean {
    return this.losses.length >= this.steps;
  }

  /** Takes the next step. Until it is over, nothing of the training has changed. */
  async step(): Promise<StepResult> {
    using tape = new Tape();
    const { output, gradient, loss, quality } = await this.forward(tape, this.losses.length);
    this.optimizer.zeroGrad();
    await tape.backward(output, gradient);
    this.optimizer.step();
    // As a checkpoint holds it: whoever goes on with one is to have the same curve.
    this.losses.push(Math.fround(loss));
    return { loss, quality };
  }

  /** Computes a step up to its loss. */
  protected abstract forward(tape: Tape, step: number): Promise<ForwardPass>;
}

/** The output of layers one after the other, recorded on a tape. */
export async function recordLayers(
  tape: Tape,
  layers: readonly Conv2d[],
  input: AnyTensor,
): Promise<AnyTensor> {
  let values = input;
  for (const layer of layers) values = await tape.forward(layer, values);
  return values;
}

/** Without a tape. */
export async function applyLayers(
  layers: readonly Conv2d[],
  input: AnyTensor,
): Promise<AnyTensor> {
  let values = input;
  for (const layer of layers) values = await layer.forward(values);
  return values;
}
