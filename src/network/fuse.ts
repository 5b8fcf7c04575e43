/**
 * Has convolutions do on the way what would be steps of their own: batch normalisations and other affine maps go into
 * their weights, residual additions and activations into what happens before an output is stored.
 *
 * @module
 */

import { chained } from "./chain.ts";
import type { Convolution, Elementwise, Lowered, NetworkStep } from "./graph/steps.ts";
import { inputsOf } from "./graph/steps.ts";
import type { Storage } from "./graph/values.ts";

/** The same steps, of which some are done by others. Steps whose results nobody asks for are left out. */
export function fuse(lowered: Lowered): Lowered {
  const fusing = new Fusing(lowered);
  return { ...lowered, steps: fusing.steps() };
}

class Fusing {
  readonly #lowered: Lowered;
  /** How many steps read each, and how many outputs it is. */
  readonly #uses = new Map<Storage, number>();
  /** What makes each. */
  readonly #makers = new Map<Storage, NetworkStep>();
  /** When each is there. */
  readonly #times = new Map<Storage, number>();

  constructor(lowered: Lowered) {
    this.#lowered = lowered;
    const use = (storage: Storage) => this.#uses.set(storage, (this.#uses.get(storage) ?? 0) + 1);
    for (const step of lowered.steps) inputsOf(step).forEach(use);
    lowered.outputs.forEach(({ storage }) => use(storage));
  }

  steps(): NetworkStep[] {
    const steps: (NetworkStep | null)[] = [];
    const place = (step: NetworkStep, time: number) => {
      steps[time] = step;
      this.#makers.set(step.output, step);
      this.#times.set(step.output, time);
    };
    for (const step of this.#lowered.steps) {
      const fused = step.kind === "map" ? this.#fused(step) : null;
      if (fused === null) place(step.kind === "map" ? this.#chained(step) : step, steps.length);
      else place(fused.convolution, fused.time);
    }
    return withoutUnused(steps.filter((step) => step !== null), this.#lowered);
  }

  /** A step together with those before it that go element by element, if nobody else asks for what they make. */
  #chained(step: Elementwise): Elementwise {
    for (const [place, input] of step.inputs.entries()) {
      const maker = this.#makers.get(input);
      if (maker?.kind !== "map" || this.#uses.get(input) !== 1) continue;
      const chain = chained(maker, step, place);
      if (chain !== null) return this.#chained(chain);
    }
    return step;
  }

  /** A convolution that does what a step does, and when. */
  #fused(step: Elementwise): { convolution: Convolution; time: number } | null {
    for (const input of step.inputs) {
      const convolution = this.#makers.get(input);
      const time = this.#times.get(input);
      if (convolution?.kind !== "convolution" || time === undefined) continue;
      if (this.#uses.get(input) !== 1) continue;
      const fused = this.#followed(convolution, time, step);
      if (fused !== null) return { convolution: fused, time };
    }
    return null;
  }

  #followed(convolution: Convolution, time: number, step: Elementwise): Convolution | null {
    const { meaning, output } = step;
    const { weights, activation, add } = convolution;
    if (meaning === null || activation.activation !== null) return null;
    const operator = `${convolution.operator} + ${step.operator}`;
    switch (meaning.kind) {
      case "affine": {
        const { affine } = meaning;
        // A view may have put other channels together.
        const { batch, outChannels } = convolution.geometry;
        const isSame = step.shape[0] === batch && step.shape[1] === outChannels;
        if (add !== null || !isSame) return null;
        return { ...convolution, operator, output, weights: weights.followedBy(affine) };
      }
      case "activation":
        return { ...convolution, operator, output, activation: meaning.activation };
      case "add": {
        const other = step.inputs.find((input) => input !== convolution.output);
        // It has to be there before the convolution begins.
        if (add !== null || other === undefined || this.#timeOf(other) >= time) return null;
        return { ...convolution, operator, output, add: other };
      }
    }
  }

  /** When a value is there; inputs are there from the start. */
  #timeOf(storage: Storage): number {
    return this.#times.get(storage) ?? -1;
  }
}

/** The steps that outputs come from. */
function withoutUnused(steps: readonly NetworkStep[], { outputs }: Lowered): NetworkStep[] {
  const used = new Set(outputs.map(({ storage }) => storage));
  return steps.toReversed().filter((step) => {
    if (!used.has(step.output)) return false;
    inputsOf(step).forEach((storage) => used.add(storage));
    return true;
  }).reverse();
}
