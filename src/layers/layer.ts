import { checkBoolean, checkOptionNames, describe, describeShape } from "../base/checks.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { Activation } from "../convolution/epilogue.ts";
import { weightShape } from "../convolution/geometry.ts";
import type { ConvSettings, Padding, Size, Subject } from "../convolution/settings.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import {
  checkExplainOptions,
  explain,
  type ExplainOptions,
  type Explanation,
} from "../execution/explain.ts";
import { sameShape } from "../tensor/shape.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { backward, type BackwardOptions, backwardSync } from "./backward.ts";
import type { Subject as BackwardSubject } from "./backward.ts";
import type { Call } from "./call.ts";
import { checkTensor, resolveBackwardCall, resolveCall } from "./call.ts";
import { compute, computeSync, type Convolution, resolveConvolution, workOf } from "./compute.ts";
import type { MainOperands, Work } from "./compute.ts";
import { drawInitialValues } from "./init.ts";
import type {
  ConvTransposeForwardOptions,
  ForwardOptions,
  LayerOptions,
  OptionNames,
  OutputSizeOptions,
} from "./options.ts";
import { Parameter, tensorOfParameter } from "./parameter.ts";
import type { LoadStateDictOptions, NamedTensors, StateDict, StateTarget } from "./state.ts";
import { loadState } from "./state.ts";

let convolutionOfLayer: (layer: Layer) => Convolution;
let stateTargetOfLayer: (layer: Layer) => StateTarget;

/**
 * What all six layers have in common: parameters, their state, and passes over batched `(N, C, ...)` or
 * unbatched `(C, ...)` inputs. Not to be extended: build one of the six.
 *
 * @example
 * ```ts
 * import { Conv2d, ConvTranspose2d, type Layer, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layers: Layer[] = [
 *   new Conv2d(3, 8, 3, { stride: 2, padding: 1 }),
 *   new ConvTranspose2d(8, 3, 4, { stride: 2, padding: 1 }),
 * ];
 * let x = Tensor.randn([1, 3, 16, 16]);
 * for (const layer of layers) x = await layer.forward(x);
 * assertEquals(x.shape, [1, 3, 16, 16]);
 * ```
 */
export abstract class Layer {
  static {
    convolutionOfLayer = (layer) => layer.#convolution;
    stateTargetOfLayer = (layer) => layer.#stateTarget;
  }

  /** The weight: `(out, in / groups, k...)`, of transposed layers `(in, out / groups, k...)`. */
  readonly weight: Parameter;
  /** The bias, `(out)`, or `null` with `bias: false`. */
  readonly bias: Parameter | null;

  readonly #convolution: Convolution;
  readonly #names: OptionNames;
  #frozenKey: object | null = null;
  /** The last call and what it was resolved from: networks repeat their shapes. */
  #last: { inputShape: readonly number[]; outputSize: Size | undefined; call: Call } | null = null;

  /**
   * For the six layers only.
   *
   * @param subject What the layer is before its options.
   * @param options The options that every layer has.
   * @param names The names of the options that are valid.
   * @internal
   */
  constructor(subject: Subject, options: LayerOptions, names: OptionNames) {
    this.#convolution = resolveConvolution(subject, options, names.layer);
    this.#names = names;
    const { bias = true, seed } = options;
    checkBoolean(subject.name, "bias", bias);
    const initial = drawInitialValues(this.#settings, bias, seed);
    this.weight = new Parameter(initial.weight);
    this.bias = initial.bias && new Parameter(initial.bias);
  }

  /** The channels of the input. */
  get inChannels(): number {
    return this.#settings.inChannels;
  }

  /** The channels of the output. */
  get outChannels(): number {
    return this.#settings.outChannels;
  }

  /** The kernel's size, one number per spatial axis. */
  get kernelSize(): readonly number[] {
    return this.#settings.kernel;
  }

  /** The stride, one number per spatial axis. */
  get stride(): readonly number[] {
    return this.#settings.stride;
  }

  /** The padding: `"same"`, or per spatial axis a number or, where its borders differ, `[begin, end]`. */
  get padding(): Padding {
    return shortPadding(this.#settings);
  }

  /** The dilation, one number per spatial axis. */
  get dilation(): readonly number[] {
    return this.#settings.dilation;
  }

  /** The number of groups that the channels are split into. */
  get groups(): number {
    return this.#settings.groups;
  }

  /** How the layer computes. */
  get algorithm(): Algorithm {
    return this.#convolution.algorithm;
  }

  /** The function that is applied to every output, or `null`. */
  get activation(): Activation | null {
    return this.#convolution.activation.activation;
  }

  /** The slope of activation `"leakyRelu"` for negative values; 0 for others. */
  get negativeSlope(): number {
    return this.#convolution.activation.negativeSlope;
  }

  /** Whether {@linkcode Layer.freeze} has been called. */
  get frozen(): boolean {
    return this.#frozenKey !== null;
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
   * @param options What is added to the output, `add`, and where it goes, `out`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  async forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return await compute(this.#work(input, options));
  }

  /**
   * Like {@linkcode Layer.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return computeSync(this.#work(input, options));
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, ...)` or, for one item, `(C, ...)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  outputShape(inputShape: readonly number[]): readonly number[] {
    return this.shapeOfOutput(inputShape);
  }

  /**
   * Computes gradients: from that of the output those of the input, which is returned, and of the
   * parameters, which are added to `weight.grad` and `bias.grad` (zeros on first use) when all is done. What
   * it reads has been read when the call returns its promise.
   *
   * @param input What the layer was applied to, `(N, C, ...)` or, for one item, `(C, ...)`.
   * @param gradOutput The gradient of the output, of its shape. With it a transposed layer is told which of
   * the possible output sizes it had.
   * @param options The output, and what is wanted.
   * @returns The gradient of the input, of its shape; `null` with `{ input: false }`.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected). The gradients of the parameters are as they were then.
   *
   * @example
   * ```ts
   * import { Conv1d, Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const layer = new Conv1d(1, 1, 2, { bias: false });
   * layer.weight.data.set([3, 5]);
   * const x = Tensor.from([[1, 2, 4]]);
   * const gradient = await layer.backward(x, Tensor.from([[1, 10]]));
   * assertEquals([...gradient?.data ?? []], [3, 35, 50]);
   * assertEquals([...layer.weight.grad?.data ?? []], [21, 42]);
   * ```
   */
  async backward(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options: BackwardOptions = {},
  ): Promise<Tensor | null> {
    const subject = this.#subject(input, gradOutput);
    return await backward(this.#engine, subject, gradOutput, options);
  }

  /**
   * Like {@linkcode Layer.backward}, but returns the gradient itself, the calling thread computing with the
   * workers.
   *
   * @returns The gradient of the input, of its shape; `null` with `{ input: false }`.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  backwardSync(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options: BackwardOptions = {},
  ): Tensor | null {
    return backwardSync(this.#engine, this.#subject(input, gradOutput), gradOutput, options);
  }

  /**
   * The layer's parameters: the weight and, unless it has none, the bias.
   *
   * @returns A new array.
   *
   * @example
   * ```ts
   * import { Conv2d } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const layer = new Conv2d(16, 33, 3);
   * const count = layer.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
   * assertEquals(count, 33 * 16 * 3 * 3 + 33);
   * ```
   */
  parameters(): Parameter[] {
    return [...this.#named().values()];
  }

  /** Sets the gradient of every parameter to `null`. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * The values of the parameters by name, to be saved or loaded into another layer.
   *
   * @returns `{ weight, bias }`, without `bias` if the layer has none. The tensors are copies: later
   * writes to the layer do not change them.
   *
   * @example
   * ```ts
   * import { Conv1d } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const a = new Conv1d(2, 3, 5, { seed: 1 });
   * const b = new Conv1d(2, 3, 5, { seed: 2 });
   * b.loadStateDict(a.stateDict());
   * assertEquals(b.weight.data, a.weight.data);
   * ```
   */
  stateDict(): StateDict {
    const copy = ({ data, shape }: Parameter) => new Tensor(data.slice(), shape);
    const weight = copy(this.weight);
    return this.bias ? { weight, bias: copy(this.bias) } : { weight };
  }

  /**
   * Sets the parameters to the values of a dictionary. They are copied into the arrays that the
   * parameters have. Everything is checked first: after an error the layer is as it was. A frozen layer
   * sees the new values too. For the layers of a whole network see {@linkcode loadStateDicts}.
   *
   * In place of `weight` there may be what PyTorch's `weight_norm` keeps, `weight_g` and `weight_v` or
   * `parametrizations.weight.original0` and `original1`: their product is taken.
   *
   * @param dict `{ weight, bias }`, without `bias` if the layer has none, as an object or a map.
   * @param options What the layer is called in the dictionary, `prefix`.
   * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
   * @throws {RangeError} If a tensor has another shape than its parameter.
   *
   * @example
   * ```ts
   * import { Conv2d, Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const dict = {
   *   "features.0.weight": Tensor.ones([8, 3, 3, 3]),
   *   "features.0.bias": Tensor.zeros([8]),
   *   "features.3.weight": Tensor.ones([16, 8, 3, 3]),
   * };
   * const layer = new Conv2d(3, 8, 3);
   * layer.loadStateDict(dict, { prefix: "features.0" });
   * assertEquals(layer.weight.data[0], 1);
   * ```
   */
  loadStateDict(dict: NamedTensors, options: LoadStateDictOptions = {}): void {
    checkOptionNames(this.#settings.name, options, ["prefix"]);
    const { prefix = "" } = options;
    loadState(this.#stateTarget, dict, prefix);
  }

  /**
   * Promises that the parameters will not be written to any more, which saves looking for changes at
   * every forward. A write that breaks the promise may or may not be seen. A further call renews the
   * promise from the values as they then are.
   *
   * @returns The layer itself.
   *
   * @example
   * ```ts
   * import { Conv2d } from "@tileconv/conv";
   * import { assert } from "@std/assert";
   *
   * assert(new Conv2d(3, 8, 3).freeze().frozen);
   * ```
   */
  freeze(): this {
    this.#frozenKey = {};
    return this;
  }

  /**
   * The shape of the output, called by the transposed layers with options.
   *
   * @param inputShape The user's input shape.
   * @param options The user's options.
   * @returns The shape.
   * @internal
   */
  protected shapeOfOutput(
    inputShape: readonly number[],
    options: OutputSizeOptions = {},
  ): readonly number[] {
    checkOptionNames(this.#settings.name, options, this.#names.outputShape);
    return this.#resolve(inputShape, options.outputSize).outputShape;
  }

  /**
   * How the layer would compute an input: kernel family, layout, tiles and memory, on request the code.
   *
   * @param inputShape `(N, C, ...)` or, for one item, `(C, ...)`.
   * @param options What to say besides.
   * @returns Plain data.
   * @throws {TypeError} If the shape is not an array of numbers, or an option unknown or of the wrong kind.
   * @throws {RangeError} If the shape does not fit the layer, or the work not the engine's memory.
   *
   * @example
   * ```ts
   * import { Conv2d } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const layer = new Conv2d(32, 32, 3, { groups: 32, padding: 1 });
   * assertEquals(layer.explain([1, 32, 14, 14]).family, "depthwise");
   * ```
   *
   * @example The code
   * ```ts
   * import { Conv1d } from "@tileconv/conv";
   * import { assertStringIncludes } from "@std/assert";
   *
   * const { phases } = new Conv1d(4, 4, 3).explain([4, 32], { code: true });
   * const [listing] = phases.at(-1)?.listings ?? [];
   * assertStringIncludes(listing?.instructions ?? "", "broadcast");
   * ```
   */
  explain(inputShape: readonly number[], options: ExplainOptions = {}): Explanation {
    checkExplainOptions(this.#settings.name, options);
    const { geometry } = this.#resolve(inputShape, undefined);
    const { activation, algorithm, engine = defaultEngine() } = this.#convolution;
    const epilogue = { ...activation, add: false };
    const form = { pass: "forward", hasBias: this.bias !== null, epilogue, algorithm } as const;
    return explain(engine, geometry, form, options);
  }

  /**
   * The layer as the expression that builds it, options with default values left out.
   *
   * @returns One line such as `Conv2d(16, 33, kernelSize=[3, 5], stride=[2, 1])`.
   */
  toString(): string {
    const { name, inChannels, outChannels, groups, paddingMode } = this.#settings;
    const { kernel, stride, dilation, outputPadding } = this.#settings;
    const parts = [
      inChannels,
      outChannels,
      `kernelSize=${describeShape(kernel)}`,
      `stride=${describeShape(stride)}`,
    ];
    const padding = this.padding;
    if (typeof padding === "string" || describe(padding) !== describe(stride.map(() => 0))) {
      parts.push(`padding=${describe(padding)}`);
    }
    if (outputPadding.some((size) => size !== 0)) {
      parts.push(`outputPadding=${describeShape(outputPadding)}`);
    }
    if (dilation.some((size) => size !== 1)) parts.push(`dilation=${describeShape(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (!this.bias) parts.push("bias=false");
    if (paddingMode !== "zeros") parts.push(`paddingMode=${describe(paddingMode)}`);
    if (this.activation !== null) parts.push(`activation=${describe(this.activation)}`);
    if (this.activation === "leakyRelu") parts.push(`negativeSlope=${this.negativeSlope}`);
    if (this.algorithm !== "auto") parts.push(`algorithm=${describe(this.algorithm)}`);
    return `${name}(${parts.join(", ")})`;
  }

  /** Shows the layer as {@linkcode Layer.toString} writes it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  get #settings(): ConvSettings {
    return this.#convolution.settings;
  }

  #resolve(inputShape: readonly number[], outputSize: Size | undefined): Call {
    const last = this.#last;
    if (
      last && Array.isArray(inputShape) && sameShape(inputShape, last.inputShape) &&
      sameSize(outputSize, last.outputSize)
    ) {
      return last.call;
    }
    const call = resolveCall(this.#settings, inputShape, outputSize, this.#expected);
    // Copies: the caller may change the arrays.
    this.#last = {
      inputShape: [...inputShape],
      outputSize: Array.isArray(outputSize) ? [...outputSize] : outputSize,
      call,
    };
    return call;
  }

  #work<Buffer extends ArrayBufferLike>(
    input: AnyTensor,
    options: ConvTransposeForwardOptions<Buffer> = {},
  ): Work<Buffer> {
    const { name } = this.#settings;
    checkOptionNames(name, options, this.#names.forward);
    const { shape, values } = checkTensor(name, "input", input);
    const call = this.#resolve(shape, options.outputSize);
    return workOf(this.#convolution, call, this.#operands(values), options);
  }

  #operands(input: Values): MainOperands {
    const { name, outChannels } = this.#settings;
    return {
      input,
      weight: new ArrayValues(
        parameterElements(name, "weight", this.weight, weightShape(this.#settings)),
      ),
      bias: this.bias && parameterElements(name, "bias", this.bias, [outChannels]),
      frozenKey: this.#frozenKey,
      weightKey: this.weight,
    };
  }

  /** How an error message about the input's channels goes on. */
  get #expected(): string {
    return `the layer was built for ${this.inChannels}`;
  }

  get #engine(): Engine {
    return this.#convolution.engine ?? defaultEngine();
  }

  /** What a backward pass is of. */
  #subject(input: unknown, gradOutput: unknown): BackwardSubject {
    const { name } = this.#settings;
    const { shape, values } = checkTensor(name, "input", input);
    const gradient = checkTensor(name, "gradOutput", gradOutput).shape;
    return {
      convolution: this.#convolution,
      call: resolveBackwardCall(this.#settings, shape, gradient, this.#expected),
      operands: this.#operands(values),
      inputShape: shape,
      weight: this.weight,
      bias: this.bias,
    };
  }

  get #stateTarget(): StateTarget {
    const { name, outChannels } = this.#settings;
    const slotOf = (what: string, parameter: Parameter, shape: readonly number[]) => ({
      shape,
      elements: parameterElements(name, what, parameter, shape),
    });
    const slots = new Map([["weight", slotOf("weight", this.weight, weightShape(this.#settings))]]);
    if (this.bias) slots.set("bias", slotOf("bias", this.bias, [outChannels]));
    const loaded = () => {
      if (this.frozen) this.freeze();
    };
    return { name, slots, loaded };
  }

  #named(): ReadonlyMap<string, Parameter> {
    const named = new Map([["weight", this.weight]]);
    if (this.bias) named.set("bias", this.bias);
    return named;
  }
}

/**
 * The elements of a parameter, which somebody may have put into a layer in place of the one it was built with.
 *
 * @throws {TypeError} If it is no parameter, or its values are gone.
 * @throws {RangeError} If it has another shape.
 */
function parameterElements(
  where: string,
  what: string,
  parameter: unknown,
  shape: readonly number[],
): Float32Array {
  if (!(parameter instanceof Parameter)) {
    throw new TypeError(`${where}: ${what} must be a Parameter, but is ${describe(parameter)}`);
  }
  const found = checkTensor(where, what, tensorOfParameter(parameter));
  if (sameShape(found.shape, shape)) return found.values.elements;
  throw new RangeError(
    `${where}: ${what} must have shape ${describeShape(shape)}, but has ${
      describeShape(found.shape)
    }`,
  );
}

function sameSize(a: Size | undefined, b: Size | undefined): boolean {
  return typeof a === "object" && typeof b === "object" ? sameShape(a, b) : a === b;
}

/** A padding as a user would write it. */
function shortPadding({ padding }: ConvSettings): Padding {
  if (padding === "same") return padding;
  return padding.map(([begin, end]) => begin === end ? begin : [begin, end] as const);
}

/** What a layer was built with, spelled out. */
export function convolutionOf(layer: Layer): Convolution {
  return convolutionOfLayer(layer);
}

/** The sizes of it. */
export function settingsOf(layer: Layer): ConvSettings {
  return convolutionOfLayer(layer).settings;
}

/**
 * A layer as what a state is loaded into.
 *
 * @throws {TypeError} If a parameter of it has lost its values.
 */
export function stateTargetOf(layer: Layer): StateTarget {
  return stateTargetOfLayer(layer);
}
