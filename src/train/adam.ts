import { checkBoolean, describe } from "../base/checks.ts";
import { checkNumber } from "./checks.ts";
import {
  checkGroupOptions,
  type GroupOptions,
  type Kind,
  type OptimizedParameters,
  Optimizer,
  type OptimizerOptions,
  type Rule,
} from "./optimizer.ts";

/** Options of a parameter group of {@linkcode Adam} and {@linkcode AdamW}. */
export interface AdamOptions extends GroupOptions {
  /** How far a step goes. Default 0.001. */
  readonly learningRate?: number;
  /** How much of the averages of the gradient and of its square is kept in each step. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** What is added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /**
   * Of `Adam`, how much of the parameter is added to its gradient, default 0; of `AdamW`, how much of the
   * parameter, times the learning rate, is subtracted from it, default 0.01.
   */
  readonly weightDecay?: number;
  /** Whether the denominator is the greatest so far, AMSGrad. Default `false`. */
  readonly amsgrad?: boolean;
}

const NAMES = {
  learningRate: true,
  betas: true,
  epsilon: true,
  weightDecay: true,
  amsgrad: true,
  maximize: true,
} as const;

const ADAM_KIND: Kind<AdamOptions> = {
  name: "Adam",
  names: NAMES,
  resolve: (where, options) => {
    const { weightDecay = 0 } = options;
    return resolveRule(where, options, weightDecay, (values) => ({ ...values, weightDecay }));
  },
};

const ADAM_W_KIND: Kind<AdamOptions> = {
  name: "AdamW",
  names: NAMES,
  resolve: (where, options) => {
    const { weightDecay = 0.01 } = options;
    return resolveRule(
      where,
      options,
      weightDecay,
      (values) => ({ ...values, shrinkage: weightDecay }),
    );
  },
};

/**
 * Adam, as `torch.optim.Adam` defines it:
 *
 * ```text
 * g = grad + weightDecay * parameter
 * mean = beta1 * mean + (1 - beta1) * g
 * square = beta2 * square + (1 - beta2) * g * g
 * parameter -= learningRate / (1 - beta1^t) * mean / (sqrt(square) / sqrt(1 - beta2^t) + epsilon)
 * ```
 *
 * in float32, `t` being the number of steps that the parameter has taken. Parameters without a gradient are left
 * as they are. From "Adam: A Method for Stochastic Optimization" (Kingma and Ba, 2015); `amsgrad` from "On the
 * Convergence of Adam and Beyond" (Reddi et al., 2018).
 *
 * @example
 * ```ts
 * import { Parameter, Tensor } from "@tileconv/conv";
 * import { Adam } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const parameter = new Parameter(Tensor.from([1]));
 * const optimizer = new Adam([parameter], { learningRate: 0.25 });
 * parameter.grad = Tensor.from([100]);
 * optimizer.step();
 * assertAlmostEquals(parameter.data[0] ?? NaN, 0.75, 1e-6);
 * ```
 */
export class Adam extends Optimizer<AdamOptions> {
  /**
   * Builds the optimizer.
   *
   * @param parameters The parameters, or groups of them with options of their own.
   * @param options The options of all groups, and the schedule.
   * @throws {TypeError} If a parameter is none, or an option is unknown or of the wrong kind.
   * @throws {RangeError} If there are no parameters or one is there twice, or a value is out of range.
   */
  constructor(
    parameters: OptimizedParameters<AdamOptions>,
    options: OptimizerOptions<AdamOptions> = {},
  ) {
    super(ADAM_KIND, parameters, options);
  }
}

/**
 * Adam whose weight decay is apart from its averages, as `torch.optim.AdamW` defines it: {@linkcode Adam}
 * without `weightDecay`, after `parameter *= 1 - learningRate * weightDecay`.
 *
 * From "Decoupled Weight Decay Regularization" (Loshchilov and Hutter, 2019).
 *
 * @example
 * ```ts
 * import { Parameter, Tensor } from "@tileconv/conv";
 * import { AdamW } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const parameter = new Parameter(Tensor.from([8]));
 * const optimizer = new AdamW([parameter], { learningRate: 0.5, weightDecay: 0.5 });
 * parameter.grad = Tensor.from([0]);
 * optimizer.step();
 * assertAlmostEquals(parameter.data[0] ?? NaN, 6);
 * ```
 */
export class AdamW extends Optimizer<AdamOptions> {
  /**
   * Builds the optimizer.
   *
   * @param parameters The parameters, or groups of them with options of their own.
   * @param options The options of all groups, and the schedule.
   * @throws {TypeError} If a parameter is none, or an option is unknown or of the wrong kind.
   * @throws {RangeError} If there are no parameters or one is there twice, or a value is out of range.
   */
  constructor(
    parameters: OptimizedParameters<AdamOptions>,
    options: OptimizerOptions<AdamOptions> = {},
  ) {
    super(ADAM_W_KIND, parameters, options);
  }
}

interface Numbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** How much of the parameter is added to its gradient. */
  readonly weightDecay: number;
  /** How much of the parameter, times the learning rate, it loses in each step. */
  readonly shrinkage: number;
  /** -1 where the objective is to become large. */
  readonly sign: 1 | -1;
}

/**
 * Checks options and spells them out.
 *
 * @param decayed Puts the weight decay where this kind of Adam has it.
 */
function resolveRule(
  where: string,
  options: AdamOptions,
  weightDecay: number,
  decayed: (numbers: Numbers) => Numbers,
): Rule {
  const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8 } = options;
  const { amsgrad = false, maximize = false } = options;
  checkGroupOptions(where, { learningRate, weightDecay, maximize });
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new TypeError(
      `${where}: betas must be two numbers such as [0.9, 0.999], but is ${describe(betas)}`,
    );
  }
  const [beta1, beta2] = betas.map((beta: unknown, index) =>
    checkNumber(where, `betas[${index}]`, beta, { least: 0, below: 1 })
  );
  checkNumber(where, "epsilon", epsilon, { least: 0 });
  checkBoolean(where, "amsgrad", amsgrad);
  const numbers = decayed({
    beta1: beta1 ?? 0,
    beta2: beta2 ?? 0,
    epsilon,
    weightDecay: 0,
    shrinkage: 0,
    sign: maximize ? -1 : 1,
  });
  const slots = ["exp_avg", "exp_avg_sq", ...(amsgrad ? ["max_exp_avg_sq"] : [])];
  return { learningRate, slots, update: descent(numbers) };
}

// PyTorch rounds its options to float32 before it multiplies by them, and every result.
const { fround } = Math;

function descent(numbers: Numbers): Rule["update"] {
  const { weightDecay, sign } = numbers;
  const beta1 = fround(numbers.beta1);
  const beta2 = fround(numbers.beta2);
  const rest1 = fround(1 - numbers.beta1);
  const rest2 = fround(1 - numbers.beta2);
  const epsilon = fround(numbers.epsilon);
  const decay = fround(weightDecay);
  return (values, gradient, { steps, slots }, learningRate) => {
    const [means = NO_SLOT, squares = NO_SLOT, greatest] = slots;
    const scale = fround(1 - learningRate * numbers.shrinkage);
    const rate = fround(learningRate / (1 - numbers.beta1 ** steps));
    const correction = fround(Math.sqrt(1 - numbers.beta2 ** steps));
    for (let i = 0; i < values.length; i++) {
      const value = fround(scale * (values[i] ?? 0));
      const raw = sign * (gradient[i] ?? 0);
      // An infinite parameter without decay must not make the gradient NaN.
      const slope = weightDecay === 0 ? raw : fround(raw + decay * value);
      const mean = fround(fround(beta1 * (means[i] ?? 0)) + rest1 * slope);
      let square = fround(fround(beta2 * (squares[i] ?? 0)) + fround(rest2 * slope) * slope);
      means[i] = mean;
      squares[i] = square;
      if (greatest) {
        square = Math.max(greatest[i] ?? 0, square);
        greatest[i] = square;
      }
      const denominator = fround(fround(fround(Math.sqrt(square)) / correction) + epsilon);
      values[i] = value - fround(rate * mean) / denominator;
    }
  };
}

const NO_SLOT = new Float32Array();
