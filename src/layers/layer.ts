import { checkBoolean, checkOptionNames, describe, describeShape } from "../base/checks.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { Activation } from "../convolution/epilogue.ts";
import { weightShape } from "../convolution/geometry.ts";
import type { ConvSettings, Padding, Size, Subject } from "../convolution/settings.ts";
import { NOT_YET_KNOWN, shortPadding } from "../convolution/settings.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import {
  checkExplainOptions,
  explain,
  type ExplainOptions,
  type Explanation,
} from "../execution/explain.ts";
import { createRandom } from "../tensor/random.ts";
import { sameShape } from "../tensor/shape.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { backward, type BackwardOptions, backwardSync } from "./backward.ts";
import type { Subject as BackwardSubject } from "./backward.ts";
import type { Call } from "./call.ts";
import { checkTensor, resolveBackwardCall, resolveCall } from "./call.ts";
import { channelsOfInput, channelsOfWeight, lateWeightShape } from "./channels.ts";
import {
  checkWork,
  compute,
  computeSync,
  type Convolution,
  resolveConvolution,
  workOf,
} from "./compute.ts";
import type { MainOperands, Work } from "./compute.ts";
import { drawInitialValues } from "./init.ts";
import type {
  ConvTransposeForwardOptions,
  ForwardOptions,
  LayerOptions,
  OptionNames,
  OutputSizeOptions,
} from "./options.ts";
import { lateParameter, Parameter, setLateParameter, tensorOfParameter } from "./parameter.ts";
import type { LoadStateDictOptions, NamedTensors, StateDict, StateTarget } from "./state.ts";
import { loadState } from "./state.ts";
import { exactShape, type SourceValues } from "./state_source.ts";

/** The values of a layer's parameters where they lie. */
export interface ParameterValues {
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** What a layer is built from once its input channels are known. */
interface Late {
  /** The name of the layer that it will be like. */
  readonly name: string;
  readonly seed: number | undefined;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
}

let convolutionOfLayer: (layer: Layer) => Convolution;
let engineOfLayer: (layer: Layer) => Engine;
let stateTargetOfLayer: (layer: Layer) => StateTarget;
let parameterValuesOfLayer: (layer: Layer) => ParameterValues;

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
    engineOfLayer = (layer) => layer.#engine;
    stateTargetOfLayer = (layer) => layer.#stateTarget;
    parameterValuesOfLayer = (layer) => layer.#parameterValues;
  }

  /** The weight: `(out, in / groups, k...)`, of transposed layers `(in, out / groups, k...)`. */
  readonly weight: Parameter;
  /** The bias, `(out)`, or `null` with `bias: false`. */
  readonly bias: Parameter | null;

  #convolution: Convolution;
  /** `null` once the input channels are known. */
  #late: Late | null = null;
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
    const { name } = subject;
    const lazy = this.isLazy;
    const built: Subject = lazy
      ? { ...subject, name: `Lazy${name}`, inChannels: NOT_YET_KNOWN }
      : subject;
    this.#convolution = resolveConvolution(built, options, names.layer);
    this.#names = names;
    const { bias = true, seed } = options;
    checkBoolean(built.name, "bias", bias);
    if (lazy) {
      createRandom(built.name, seed);
      this.weight = lateParameter(absenceOf(built.name, "weight"));
      this.bias = bias ? lateParameter(absenceOf(built.name, "bias")) : null;
      this.#late = { name, seed, weight: this.weight, bias: this.bias };
      return;
    }
    const initial = drawInitialValues(this.#settings, bias, seed);
    this.weight = new Parameter(initial.weight);
    this.bias = initial.bias && new Parameter(initial.bias);
  }

  /**
   * Whether the input channels come with the first input: overridden by lazy layers.
   *
   * @internal
   */
  protected get isLazy(): boolean {
    return false;
  }

  /** The channels of the input; of a lazy layer 0 before its first input. */
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
    return this.#withInput(
      inputShape,
      options.outputSize,
      () => this.#resolve(inputShape, options.outputSize).outputShape,
    );
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
    return this.#withInput(inputShape, undefined, () => {
      const { geometry } = this.#resolve(inputShape, undefined);
      const { activation, algorithm } = this.#convolution;
      const epilogue = { ...activation, add: false };
      const form = { pass: "forward", hasBias: this.bias !== null, epilogue, algorithm } as const;
      return explain(this.#engine, geometry, form, options);
    });
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
      ...(inChannels === 0 ? [] : [inChannels]),
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
    const { outputSize } = options;
    return this.#withInput(shape, outputSize, () => {
      const call = this.#resolve(shape, outputSize);
      const work = workOf(this.#convolution, call, this.#operands(values), options);
      if (this.#late) checkWork(work);
      return work;
    });
  }

  /** Does something with an input. The first that succeeds fixes the input channels of a lazy layer. */
  #withInput<Result>(
    inputShape: readonly number[],
    outputSize: Size | undefined,
    act: () => Result,
  ): Result {
    return this.#withChannels(() => channelsOfInput(this.#settings, inputShape, outputSize), act);
  }

  /**
   * Does something that takes parameters. A lazy layer has them from then on, unless it throws: then the layer is
   * as it was.
   */
  #withChannels<Result>(channels: () => number, act: () => Result): Result {
    const late = this.#late;
    if (late === null) return act();
    const unknown = this.#convolution;
    const settings = { ...unknown.settings, inChannels: channels() };
    const initial = drawInitialValues(settings, late.bias !== null, late.seed);
    this.#convolution = { ...unknown, settings };
    setLateParameters(late, initial);
    try {
      const result = act();
      this.#know(late, settings);
      return result;
    } catch (error) {
      this.#convolution = unknown;
      this.#last = null;
      setLateParameters(late, { weight: null, bias: null });
      throw error;
    }
  }

  /** A lazy layer whose parameters have been set is from now on what it was to become. */
  #know({ name }: Late, settings: ConvSettings): void {
    this.#convolution = { ...this.#convolution, settings: { ...settings, name } };
    this.#late = null;
  }

  get #parameterValues(): ParameterValues {
    const { name, outChannels } = this.#settings;
    return {
      weight: parameterElements(name, "weight", this.weight, weightShape(this.#settings)),
      bias: this.bias && parameterElements(name, "bias", this.bias, [outChannels]),
    };
  }

  #operands(input: Values): MainOperands {
    const { weight, bias } = this.#parameterValues;
    return {
      input,
      weight: new ArrayValues(weight),
      bias,
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
    // First: of a lazy layer without input they say so.
    const operands = this.#operands(values);
    return {
      convolution: this.#convolution,
      call: resolveBackwardCall(this.#settings, shape, gradient, this.#expected),
      operands,
      inputShape: shape,
      weight: this.weight,
      bias: this.bias,
    };
  }

  get #stateTarget(): StateTarget {
    const settings = this.#settings;
    const { name, outChannels } = settings;
    const late = this.#late;
    const expected = new Map([
      ["weight", late ? lateWeightShape(settings) : exactShape(weightShape(settings))],
    ]);
    if (this.bias) expected.set("bias", exactShape([outChannels]));
    if (late) {
      return { name, expected, buffers: [], prepare: (values) => this.#prepareLate(late, values) };
    }
    const { weight, bias } = this.#parameterValues;
    const prepare = (values: ReadonlyMap<string, SourceValues>) => () => {
      const [newWeight, newBias] = [values.get("weight"), values.get("bias")];
      if (newWeight) weight.set(newWeight.elements);
      if (newBias) bias?.set(newBias.elements);
      if (this.frozen) this.freeze();
    };
    return {
      name,
      expected,
      buffers: bias ? [weight.buffer, bias.buffer] : [weight.buffer],
      prepare,
    };
  }

  /** Without a weight a lazy layer remains one. */
  #prepareLate(late: Late, values: ReadonlyMap<string, SourceValues>): () => void {
    const weight = values.get("weight");
    if (weight === undefined) return () => {};
    const inChannels = channelsOfWeight(this.#settings, weight.shape);
    const settings = { ...this.#settings, inChannels };
    const initial = drawInitialValues(settings, late.bias !== null, late.seed);
    initial.weight.data.set(weight.elements);
    const bias = values.get("bias");
    if (bias) initial.bias?.data.set(bias.elements);
    return () => {
      setLateParameters(late, initial);
      this.#know(late, settings);
    };
  }

  #named(): ReadonlyMap<string, Parameter> {
    const named = new Map([["weight", this.weight]]);
    if (this.bias) named.set("bias", this.bias);
    return named;
  }
}

/** Gives the parameters of a lazy layer their values, or takes them away again. */
function setLateParameters(
  late: Late,
  { weight, bias }: { readonly weight: Tensor | null; readonly bias: Tensor | null },
): void {
  setLateParameter(late.weight, weight);
  if (late.bias) setLateParameter(late.bias, bias);
}

/** What is said to those who ask for a parameter before there is one. */
function absenceOf(where: string, what: string): string {
  return `${where}: ${what} has no shape and no values yet, since they come with the first input: call ` +
    `forward(), outputShape() or loadStateDict() first`;
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

/** The engine that a layer computes on. */
export function engineOf(layer: Layer): Engine {
  return engineOfLayer(layer);
}

/**
 * The values of a layer's parameters.
 *
 * @throws {TypeError} If they are lost, or not there yet.
 */
export function parameterValuesOf(layer: Layer): ParameterValues {
  return parameterValuesOfLayer(layer);
}
