import { checkBoolean } from "../base/checks.ts";
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

/** Options of a parameter group of {@linkcode SGD}. */
export interface SGDOptions extends GroupOptions {
  /** How far a step goes. It has no default: either all groups have one of their own, or the optimizer has. */
  readonly learningRate?: number;
  /** How much of the last direction goes into the next one. Default 0. */
  readonly momentum?: number;
  /** How much of the gradient does not go into the momentum. Default 0. */
  readonly dampening?: number;
  /** Whether momentum is Nesterov's, which needs a momentum and no dampening. Default `false`. */
  readonly nesterov?: boolean;
  /** How much of the parameter is added to its gradient. Default 0. */
  readonly weightDecay?: number;
}

const SGD_KIND: Kind<SGDOptions> = {
  name: "SGD",
  names: {
    learningRate: true,
    momentum: true,
    dampening: true,
    nesterov: true,
    weightDecay: true,
    maximize: true,
  },
  resolve: resolveRule,
};

/**
 * Stochastic gradient descent, as `torch.optim.SGD` defines it:
 *
 * ```text
 * g = grad + weightDecay * parameter
 * buffer = g in the first step, momentum * buffer + (1 - dampening) * g in the others
 * parameter -= learningRate * (momentum = 0: g; nesterov: g + momentum * buffer; else: buffer)
 * ```
 *
 * in float32. Parameters without a gradient are left as they are. Nesterov's momentum is that of "On the
 * importance of initialization and momentum in deep learning" (Sutskever et al., 2013).
 *
 * @example
 * ```ts
 * import { Parameter, Tensor } from "@tileconv/conv";
 * import { SGD } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const parameter = new Parameter(Tensor.from([4, 8]));
 * const optimizer = new SGD([parameter], { learningRate: 0.5, momentum: 0.5 });
 * parameter.grad = Tensor.from([2, 4]);
 * optimizer.step();
 * assertEquals([...parameter.data], [3, 6]);
 * optimizer.step();
 * assertEquals([...parameter.data], [1.5, 3]);
 * ```
 *
 * @example Groups and a schedule
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { SGD, stepSchedule } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const body = new Conv2d(3, 8, 3);
 * const head = new Conv2d(8, 10, 1);
 * const optimizer = new SGD(
 *   [{ parameters: body.parameters(), learningRate: 0.01 }, { parameters: head.parameters() }],
 *   { learningRate: 0.1, momentum: 0.9, schedule: stepSchedule({ stepSize: 1000 }) },
 * );
 * assertEquals(optimizer.steps, 0);
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  /**
   * Builds the optimizer.
   *
   * @param parameters The parameters, or groups of them with options of their own.
   * @param options The options of all groups, and the schedule.
   * @throws {TypeError} If a parameter is none, or an option is unknown, missing or of the wrong kind.
   * @throws {RangeError} If there are no parameters or one is there twice, or a value is out of range.
   */
  constructor(
    parameters: OptimizedParameters<SGDOptions>,
    options: OptimizerOptions<SGDOptions> = {},
  ) {
    super(SGD_KIND, parameters, options);
  }
}

function resolveRule(where: string, options: SGDOptions): Rule {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  const { learningRate, maximize = false } = options;
  if (learningRate === undefined) {
    throw new TypeError(`${where}: learningRate must be given, such as { learningRate: 0.1 }`);
  }
  checkGroupOptions(where, { learningRate, weightDecay, maximize });
  checkNumber(where, "momentum", momentum, { least: 0 });
  checkNumber(where, "dampening", dampening);
  checkBoolean(where, "nesterov", nesterov);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new RangeError(
      `${where}: nesterov needs a momentum above 0 and no dampening, but they are ${momentum} and ` +
        `${dampening}`,
    );
  }
  const numbers: Numbers = { momentum, dampening, weightDecay, sign: maximize ? -1 : 1 };
  if (momentum === 0) return { learningRate, slots: [], update: descent(numbers) };
  const update = nesterov ? nesterovDescent(numbers) : momentumDescent(numbers);
  return { learningRate, slots: ["momentum_buffer"], update };
}

interface Numbers {
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
  /** -1 where the objective is to become large. */
  readonly sign: 1 | -1;
}

// PyTorch rounds its options to float32 before it multiplies by them, and every result.
const { fround } = Math;

// Without decay the share is not added: an infinite parameter would make it NaN.
function descent({ weightDecay, sign }: Numbers): Rule["update"] {
  const share = fround(weightDecay);
  return (values, gradient, _state, learningRate) => {
    const rate = fround(learningRate);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      const raw = sign * (gradient[i] ?? 0);
      const slope = share === 0 ? raw : fround(raw + share * value);
      values[i] = value - rate * slope;
    }
  };
}

function momentumDescent(numbers: Numbers): Rule["update"] {
  const { sign } = numbers;
  const share = fround(numbers.weightDecay);
  return (values, gradient, { steps, slots: [buffer = new Float32Array()] }, learningRate) => {
    const rate = fround(learningRate);
    const { kept, taken } = shares(numbers, steps);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      const raw = sign * (gradient[i] ?? 0);
      const slope = share === 0 ? raw : fround(raw + share * value);
      const average = fround(fround(kept * (buffer[i] ?? 0)) + taken * slope);
      buffer[i] = average;
      values[i] = value - rate * average;
    }
  };
}

function nesterovDescent(numbers: Numbers): Rule["update"] {
  const { sign } = numbers;
  const share = fround(numbers.weightDecay);
  const momentum = fround(numbers.momentum);
  return (values, gradient, { steps, slots: [buffer = new Float32Array()] }, learningRate) => {
    const rate = fround(learningRate);
    const { kept, taken } = shares(numbers, steps);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      const raw = sign * (gradient[i] ?? 0);
      const slope = share === 0 ? raw : fround(raw + share * value);
      const average = fround(fround(kept * (buffer[i] ?? 0)) + taken * slope);
      buffer[i] = average;
      values[i] = value - rate * fround(slope + momentum * average);
    }
  };
}

/** How much of the buffer and of the gradient make the new buffer: the first one is the gradient itself. */
function shares({ momentum, dampening }: Numbers, steps: number): { kept: number; taken: number } {
  if (steps === 1) return { kept: 0, taken: 1 };
  return { kept: fround(momentum), taken: fround(1 - dampening) };
}
