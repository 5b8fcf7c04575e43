import { describe, describeShape } from "../base/checks.ts";
import { checkTensor } from "../layers/call.ts";
import { type AnyTensor, partsOf, type Tensor } from "../tensor/tensor.ts";
import type { Values } from "../tensor/values.ts";
import { checkSameShape } from "./checks.ts";
import {
  checkForward,
  layerOperation,
  type TapeForwardOptions,
  type TapeLayer,
} from "./layer_operation.ts";
import type { InputGradients, Operation, OperationBackward } from "./operation.ts";
import { seedsOf, shaped, sum, type Turn, turns } from "./reverse.ts";

/** Operations in the order of their calls; `null` where one is not computed yet. */
type Operations = (Operation | null)[];

/**
 * Records a forward pass, and runs back through it: reverse-mode differentiation, at the grain of layers. Gradients
 * of parameters are added up in the layers, those of tensors that were {@linkcode Tape.watch | watched} here; what
 * neither needs is not computed. Where a tensor is used more than once its gradients are added up, in an order that
 * the order of the calls fixes.
 *
 * A tape holds on to every tensor that it has seen until {@linkcode Tape.clear}: record each step anew. Recorded
 * tensors must not be written to before the backward pass. A tensor that is reshaped counts as the same one.
 *
 * @example
 * ```ts
 * import { Conv2d, Tensor } from "@tileconv/conv";
 * import { crossEntropy, SGD, Tape } from "@tileconv/conv/train";
 * import { assert } from "@std/assert";
 *
 * const body = new Conv2d(1, 8, 3, { stride: 2, activation: "relu", seed: 0 });
 * const head = new Conv2d(8, 2, 3, { seed: 1 });
 * const optimizer = new SGD([...body.parameters(), ...head.parameters()], { learningRate: 0.1 });
 * const images = Tensor.randn([4, 1, 7, 7], { seed: 2 });
 * const labels = [0, 1, 1, 0];
 *
 * const losses = [];
 * for (let step = 0; step < 20; step++) {
 *   using tape = new Tape();
 *   const features = await tape.forward(body, images);
 *   const logits = await tape.forward(head, features);
 *   const { loss, gradient } = crossEntropy(logits, labels);
 *   optimizer.zeroGrad();
 *   await tape.backward(logits, gradient);
 *   optimizer.step();
 *   losses.push(loss);
 * }
 * assert((losses.at(-1) ?? NaN) < (losses[0] ?? NaN) / 4);
 * ```
 *
 * @example An operation of one's own
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { Tape } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const tape = new Tape();
 * const x = tape.watch(Tensor.from([1, 2, 3]));
 * const squares = new Tensor(x.data.map((value) => value * value), x.shape);
 * tape.record([x], squares, ({ data }) => [
 *   new Tensor(x.data.map((value, index) => 2 * value * (data[index] ?? 0)), x.shape),
 * ]);
 * tape.backwardSync(squares, Tensor.ones([3]));
 * assertEquals([...tape.gradient(x)?.data ?? []], [2, 4, 6]);
 * ```
 */
export class Tape {
  #operations: Operations = [];
  /** The gradients that were asked for; `null` where none has arrived. */
  #watched: Map<Values, Tensor | null> = new Map();

  /**
   * Computes the output of a layer and records the call.
   *
   * @param layer The layer. If it is frozen its parameters get no gradient.
   * @param input The input.
   * @param options What is added to the output, and the output's size. `out` cannot be given: the tape keeps the
   * output, and the input must stay what it is.
   * @returns What `layer.forward()` returns.
   * @throws {TypeError} If an option is unknown or an operand not a tensor (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or a tensor is to be added in front of an activation
   * whose output does not tell its slope: `"leakyRelu"` with a negative one (the promise is rejected).
   */
  async forward(
    layer: TapeLayer,
    input: AnyTensor,
    options: TapeForwardOptions = {},
  ): Promise<Tensor> {
    checkForward(layer, options);
    // The place of the call, however long it takes: the order of sums must not depend on time.
    const operations = this.#operations;
    const place = operations.push(null) - 1;
    const output = await layer.forward(input, options);
    operations[place] = layerOperation(layer, input, output, options);
    return output;
  }

  /**
   * Like {@linkcode Tape.forward}, but returns the output itself.
   *
   * @returns What `layer.forwardSync()` returns.
   * @throws {TypeError} If an option is unknown or an operand not a tensor.
   * @throws {RangeError} If a shape does not fit the layer, or a tensor is to be added in front of an activation
   * whose output does not tell its slope: `"leakyRelu"` with a negative one.
   */
  forwardSync(layer: TapeLayer, input: AnyTensor, options: TapeForwardOptions = {}): Tensor {
    checkForward(layer, options);
    const output = layer.forwardSync(input, options);
    this.#operations.push(layerOperation(layer, input, output, options));
    return output;
  }

  /**
   * Records any other operation. One of several outputs is recorded once for each of them.
   *
   * @param inputs The tensors that it was computed from.
   * @param output What was computed: a tensor with values of its own.
   * @param backward Its backward pass. It is called where the output has a gradient. {@linkcode Tape.backwardSync}
   * needs one that returns no promise.
   * @returns `output`.
   * @throws {TypeError} If an operand is not a tensor or `backward` not a function.
   * @throws {RangeError} If `output` shares its values with an input, or has been recorded before.
   */
  record<Output extends AnyTensor>(
    inputs: readonly AnyTensor[],
    output: Output,
    backward: OperationBackward,
  ): Output {
    const where = "Tape.record()";
    if (!Array.isArray(inputs)) {
      throw new TypeError(
        `${where}: inputs must be an array of Tensors, but is ${describe(inputs)}`,
      );
    }
    const operands = inputs.map((input, index) => checkTensor(where, `inputs[${index}]`, input));
    const result = checkTensor(where, "output", output);
    if (typeof backward !== "function") {
      throw new TypeError(`${where}: backward must be a function, but is ${describe(backward)}`);
    }
    if (operands.some(({ values }) => values === result.values)) {
      throw new RangeError(
        `${where}: output shares its values with an input (a reshaped tensor need not be recorded)`,
      );
    }
    if (this.#operations.some((operation) => operation?.output.values === result.values)) {
      throw new RangeError(`${where}: output has been recorded before`);
    }
    this.#operations.push({
      name: where,
      inputs: operands,
      output: result,
      hasParameters: true,
      backward,
      backwardSync: backward,
    });
    return output;
  }

  /**
   * Adds two tensors and records it: the shortcut of a residual block. In front of a layer's output the option
   * `add` of {@linkcode Tape.forward} does the same and costs less.
   *
   * @param a A tensor.
   * @param b A tensor of the same shape.
   * @returns A new tensor.
   * @throws {TypeError} If one is not a tensor.
   * @throws {RangeError} If the shapes differ.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { Tape } from "@tileconv/conv/train";
   * import { assertEquals } from "@std/assert";
   *
   * const tape = new Tape();
   * const x = tape.watch(Tensor.from([1, 2]));
   * const y = tape.add(x, x);
   * tape.backwardSync(y, Tensor.from([1, 10]));
   * assertEquals([...y.data], [2, 4]);
   * assertEquals([...tape.gradient(x)?.data ?? []], [2, 20]);
   * ```
   */
  add(a: AnyTensor, b: AnyTensor): Tensor {
    const where = "Tape.add()";
    const first = checkTensor(where, "a", a);
    const second = checkTensor(where, "b", b);
    checkSameShape(where, "b", second.shape, first.shape);
    const output = sum(a, b);
    const backward: OperationBackward = (gradient) => [gradient, gradient];
    this.#operations.push({
      name: where,
      inputs: [first, second],
      output: partsOf(output),
      hasParameters: false,
      backward,
      backwardSync: backward,
    });
    return output;
  }

  /**
   * Asks for the gradient of a tensor, an input or something computed. To be called before the backward pass.
   *
   * @param tensor The tensor.
   * @returns `tensor`.
   * @throws {TypeError} If it is not a tensor.
   */
  watch<Watched extends AnyTensor>(tensor: Watched): Watched {
    const { values } = checkTensor("Tape.watch()", "tensor", tensor);
    if (!this.#watched.has(values)) this.#watched.set(values, null);
    return tensor;
  }

  /**
   * Runs back through what has been recorded, from one or several outputs: adds to the gradients of the layers'
   * parameters and of the watched tensors. It may be run again, and then adds again. The event loop is left free
   * while layers compute.
   *
   * @param output What to begin with: a recorded output, or an array of them.
   * @param gradient Its gradient, such as that of a loss, or an array of as many as there are outputs. It may be left
   * out where every output is a single number, and is 1 then.
   * @throws {TypeError} If one is not a tensor (the promise is rejected, here and below).
   * @throws {RangeError} If an output has not been recorded, or a gradient is missing or of the wrong shape. Nothing
   * has changed then; not so where the backward pass of an operation throws.
   */
  async backward(
    output: AnyTensor | readonly AnyTensor[],
    gradient?: AnyTensor | readonly AnyTensor[],
  ): Promise<void> {
    const turns = this.#turns("Tape.backward()", output, gradient);
    for (let next = turns.next(); !next.done;) {
      const { operation, gradient, needed } = next.value;
      next = turns.next(await operation.backward(gradient, needed));
    }
  }

  /**
   * Like {@linkcode Tape.backward}, but returns when it is done.
   *
   * @param output What to begin with: a recorded output, or an array of them.
   * @param gradient Its gradient, or an array of as many as there are outputs.
   * @throws {TypeError} If one is not a tensor, or a recorded backward pass returns a promise.
   * @throws {RangeError} If an output has not been recorded, or a gradient is missing or of the wrong shape. Nothing
   * has changed then; not so where the backward pass of an operation throws.
   */
  backwardSync(
    output: AnyTensor | readonly AnyTensor[],
    gradient?: AnyTensor | readonly AnyTensor[],
  ): void {
    const turns = this.#turns("Tape.backwardSync()", output, gradient);
    for (let next = turns.next(); !next.done;) {
      const { operation, gradient, needed } = next.value;
      const gradients = operation.backwardSync(gradient, needed);
      if (gradients instanceof Promise) {
        throw new TypeError(
          "Tape.backwardSync(): a recorded backward pass returned a promise: call Tape.backward()",
        );
      }
      next = turns.next(gradients);
    }
  }

  /**
   * The gradient of a tensor that was watched, added up over all backward passes.
   *
   * @param tensor The tensor.
   * @returns Its gradient, of its shape, or `null` if none has reached it.
   * @throws {TypeError} If it is not a tensor.
   * @throws {RangeError} If it was not watched.
   */
  gradient(tensor: AnyTensor): Tensor | null {
    const where = "Tape.gradient()";
    const { values, shape } = checkTensor(where, "tensor", tensor);
    const gradient = this.#watched.get(values);
    if (gradient === undefined) {
      throw new RangeError(
        `${where}: the tensor of shape ${
          describeShape(shape)
        } was not watched: call Tape.watch() ` +
          `before the backward pass`,
      );
    }
    return gradient && shaped(gradient, shape);
  }

  /** Forgets everything: what was recorded, watched and added up here. Gradients of parameters stay. */
  clear(): void {
    this.#operations = [];
    this.#watched = new Map();
  }

  /** The same, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.clear();
  }

  /** Checks everything first, then goes back through the operations that a gradient reaches. */
  #turns(
    where: string,
    output: unknown,
    gradient: unknown,
  ): Generator<Turn, void, InputGradients> {
    const operations = this.#operations.filter((operation) => operation !== null);
    const watched = this.#watched;
    const known = new Set([...watched.keys(), ...operations.map(({ output }) => output.values)]);
    const seeds = seedsOf(where, output, gradient);
    for (const { output: { values, shape } } of seeds) {
      if (known.has(values)) continue;
      throw new RangeError(
        `${where}: the output of shape ${describeShape(shape)} was not recorded`,
      );
    }
    return turns(operations, watched, seeds);
  }
}
