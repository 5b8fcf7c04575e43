import { type AnyTensor, type Engine, type Layer, Tensor } from "../../mod.ts";
import { WEIGHT_SEED } from "../problem.ts";
import type { StepValues, TrainingProblem } from "./problem.ts";

/** A layer of ours that is trained. */
export class Trainee {
  readonly #layer: Layer;
  readonly #input: AnyTensor;
  readonly #gradient: AnyTensor;
  readonly #weight: number;
  #steps = 0;

  constructor({ bench, input, outputShape, gradient }: TrainingProblem, engine: Engine) {
    this.#layer = bench.build({ engine, seed: WEIGHT_SEED });
    this.#input = new Tensor(input, bench.inputShape);
    this.#gradient = new Tensor(gradient, outputShape);
    this.#weight = this.#layer.weight.data[0] ?? NaN;
  }

  /** A forward pass, up to where the output is in JavaScript's hands. */
  forward(): Float32Array {
    return this.#layer.forwardSync(this.#input).data;
  }

  /**
   * A step of training, up to where the output and all gradients are in JavaScript's hands: it begins without
   * gradients.
   */
  step(): void {
    this.#pass();
  }

  /** The same with weights that are not those of the step before: nothing that was made of them is used again. */
  changedStep(): void {
    this.#steps++;
    this.#layer.weight.data[0] = this.#weight * (this.#steps % 2 === 0 ? 1 : 1.001);
    this.#pass();
  }

  /** What a step with the weights of the problem computes. */
  values(): StepValues {
    const { weight, bias } = this.#layer;
    weight.data[0] = this.#weight;
    const { output, input } = this.#pass();
    const of = (tensor: Tensor | null | undefined) => tensor?.data ?? new Float32Array();
    return { output, input, weight: of(weight.grad), bias: of(bias?.grad) };
  }

  #pass(): Pick<StepValues, "output" | "input"> {
    this.#layer.zeroGrad();
    const output = this.forward();
    const input = this.#layer.backwardSync(this.#input, this.#gradient)?.data;
    return { output, input: input ?? new Float32Array() };
  }
}

/** The direct forward pass of a problem, whatever kernels are faster. */
export function directForward(
  { bench, input }: TrainingProblem,
  engine: Engine,
): () => Float32Array {
  const layer = bench.build({ engine, seed: WEIGHT_SEED, algorithm: "direct" });
  const x = new Tensor(input, bench.inputShape);
  return () => layer.forwardSync(x).data;
}
