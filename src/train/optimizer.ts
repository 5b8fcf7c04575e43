import { checkBoolean, checkInteger, checkOptionNames, describe } from "../base/checks.ts";
import { checkTensor } from "../layers/call.ts";
import { Parameter, tensorOfParameter } from "../layers/parameter.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkSameShape } from "./checks.ts";
import type { Schedule } from "./schedule.ts";

/** Options that every parameter group of every optimizer has. */
export interface GroupOptions {
  /** How far a step goes. */
  readonly learningRate?: number;
  /** How much parameters are pulled towards zero. */
  readonly weightDecay?: number;
  /** Whether the objective is to become large, not small. Default `false`. */
  readonly maximize?: boolean;
}

/** Options of an optimizer: those of its groups, and what all groups share. */
export type OptimizerOptions<Options extends GroupOptions> = Options & {
  /** What the learning rates are multiplied by at each step. Default: 1 always. */
  readonly schedule?: Schedule;
};

/** Parameters with options of their own, which take the place of the optimizer's. */
export type ParameterGroup<Options extends GroupOptions> = Options & {
  /** The parameters. */
  readonly parameters: readonly Parameter[];
};

/** What an optimizer is of: parameters, or groups of them. */
export type OptimizedParameters<Options extends GroupOptions> =
  | readonly Parameter[]
  | readonly ParameterGroup<Options>[];

/** What an optimizer remembers of a parameter. */
export interface ParameterState {
  /** How many steps the parameter has taken. */
  steps: number;
  /** As many arrays of the parameter's size as the rule has slots; zeros before the first step. */
  readonly slots: readonly Float32Array[];
}

/** How an optimizer with all its options changes a parameter. */
export interface Rule {
  /** The learning rate that was asked for. */
  readonly learningRate: number;
  /** The names of the arrays that it remembers, PyTorch's. */
  readonly slots: readonly string[];
  /** Changes `values` and the state, whose `steps` already counts this step. */
  update(
    values: Float32Array,
    gradient: Float32Array,
    state: ParameterState,
    learningRate: number,
  ): void;
}

/** What one kind of optimizer is. */
export interface Kind<Options extends GroupOptions> {
  readonly name: string;
  /** The names of the options of a group. */
  readonly names: Readonly<Record<keyof Options, true>>;
  /** Checks options and spells them out. */
  resolve(where: string, options: Options): Rule;
}

interface Group {
  readonly parameters: readonly Parameter[];
  readonly rule: Rule;
  learningRate: number;
}

/** A parameter with the position that names it in the state. */
interface Entry {
  readonly position: number;
  readonly parameter: Parameter;
  readonly group: Group;
}

/** What a step will change. */
interface Change {
  readonly entry: Entry;
  readonly values: Float32Array;
  readonly gradient: Float32Array;
}

const STEPS = "steps";
const STEP = "step";

/**
 * What {@linkcode SGD}, {@linkcode Adam} and {@linkcode AdamW} have in common: parameters that are changed in
 * place, a learning rate with a schedule, and a state that can be saved. Not to be extended: build one of them.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { AdamW, type Optimizer, type GroupOptions, SGD } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(3, 8, 3);
 * const optimizers: Optimizer<GroupOptions>[] = [
 *   new SGD(layer.parameters(), { learningRate: 0.1 }),
 *   new AdamW(layer.parameters()),
 * ];
 * assertEquals(optimizers.map(({ learningRate }) => learningRate), [0.1, 0.001]);
 * ```
 */
export abstract class Optimizer<Options extends GroupOptions> {
  readonly #name: string;
  readonly #groups: readonly Group[];
  readonly #entries: readonly Entry[];
  readonly #schedule: Schedule;
  readonly #states: Map<Parameter, ParameterState> = new Map();
  #steps = 0;

  /**
   * For the optimizers of this module only.
   *
   * @param kind What kind of optimizer it is.
   * @param parameters The parameters or groups of them.
   * @param options The options.
   * @internal
   */
  constructor(
    kind: Kind<Options>,
    parameters: OptimizedParameters<Options>,
    options: OptimizerOptions<Options>,
  ) {
    this.#name = kind.name;
    checkOptionNames(kind.name, options, [...Object.keys(kind.names), "schedule"]);
    const { schedule = () => 1, ...defaults } = options;
    if (typeof schedule !== "function") {
      throw new TypeError(
        `${kind.name}: schedule must be a function from the step to a factor, but is ${
          describe(schedule)
        }`,
      );
    }
    this.#schedule = schedule;
    this.#groups = resolveGroups(kind, parameters, defaults as GroupOptions as Options);
    this.#entries = this.#groups
      .flatMap((group) => group.parameters.map((parameter) => ({ parameter, group })))
      .map((entry, position) => ({ ...entry, position }));
    checkDistinct(kind.name, this.#entries);
  }

  /** How many steps have been taken: what the schedule is asked for next. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * The learning rate, of the first group if they differ, before the schedule. Set, it is that of all groups.
   */
  get learningRate(): number {
    return this.#groups[0]?.learningRate ?? 0;
  }

  set learningRate(value: number) {
    checkNumber(this.#name, "learningRate", value, { least: 0 });
    for (const group of this.#groups) group.learningRate = value;
  }

  /**
   * Changes every parameter that has a gradient, in place. The gradients stay: see
   * {@linkcode Optimizer.zeroGrad}. Everything is checked first: after an error nothing has changed. A layer
   * that was frozen may not see the change, see {@linkcode Layer.freeze}.
   *
   * @throws {TypeError} If a gradient is not a tensor or `null`, or the values of a parameter or a gradient are
   * gone because their buffer was transferred.
   * @throws {RangeError} If a gradient has another shape than its parameter, or the schedule's factor is not
   * finite.
   */
  step(): void {
    const factor = checkNumber(
      this.#name,
      `the schedule's factor at step ${this.#steps}`,
      this.#schedule(this.#steps),
    );
    const changes = this.#entries.map((entry) => this.#changeOf(entry));
    for (const change of changes) {
      if (change === null) continue;
      const { entry: { parameter, group }, values, gradient } = change;
      const state = this.#stateOf(parameter, group.rule);
      state.steps++;
      group.rule.update(values, gradient, state, group.learningRate * factor);
    }
    this.#steps++;
  }

  /** Sets the gradient of every parameter to `null`. */
  zeroGrad(): void {
    for (const { parameter } of this.#entries) parameter.grad = null;
  }

  /**
   * What the optimizer remembers, to be saved as the weights are: training that is resumed with it and the
   * same options goes on with the same bits.
   *
   * @returns `steps`, and for every parameter that has taken a step, by its position, `0.step`,
   * `0.momentum_buffer`, `0.exp_avg`, ...: PyTorch's names. The tensors are copies; those of steps hold one
   * number, exact up to 2^24.
   */
  stateDict(): Record<string, Tensor> {
    const dict: Record<string, Tensor> = { [STEPS]: Tensor.from(this.#steps) };
    for (const { position, parameter, group } of this.#entries) {
      const state = this.#states.get(parameter);
      if (state === undefined) continue;
      dict[`${position}.${STEP}`] = Tensor.from(state.steps);
      group.rule.slots.forEach((name, index) => {
        const slot = state.slots[index];
        if (slot) dict[`${position}.${name}`] = new Tensor(slot.slice(), parameter.shape);
      });
    }
    return dict;
  }

  /**
   * Sets what the optimizer remembers. Everything is checked first: after an error it is as it was.
   *
   * @param dict What {@linkcode Optimizer.stateDict} returned, of an optimizer of the same kind over as many
   * parameters of the same shapes. It is copied.
   * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
   * @throws {RangeError} If a tensor has another shape than its parameter, or a number of steps is no
   * non-negative integer.
   */
  loadStateDict(dict: Readonly<Record<string, AnyTensor>>): void {
    if (typeof dict !== "object" || dict === null) {
      throw new TypeError(
        `${this.#name}: the state must be an object of tensors, but is ${describe(dict)}`,
      );
    }
    const state = new StateReader(this.#name, dict);
    const steps = state.count(STEPS);
    const loaded = new Map<Parameter, ParameterState>();
    for (const { position, parameter, group: { rule } } of this.#entries) {
      if (!state.hasAny(position)) continue;
      loaded.set(parameter, {
        steps: state.count(`${position}.${STEP}`),
        slots: rule.slots.map((name) => state.values(`${position}.${name}`, parameter.shape)),
      });
    }
    state.checkAllRead();
    this.#steps = steps;
    this.#states.clear();
    for (const [parameter, values] of loaded) this.#states.set(parameter, values);
  }

  #changeOf(entry: Entry): Change | null {
    const { parameter, position } = entry;
    const { grad } = parameter;
    if (grad === null) return null;
    const what = `parameter ${position}`;
    const { values } = checkTensor(this.#name, what, tensorOfParameter(parameter));
    const gradient = checkTensor(this.#name, `the gradient of ${what}`, grad);
    checkSameShape(this.#name, `the gradient of ${what}`, gradient.shape, parameter.shape);
    return { entry, values: values.elements, gradient: gradient.values.elements };
  }

  #stateOf(parameter: Parameter, { slots }: Rule): ParameterState {
    const known = this.#states.get(parameter);
    if (known !== undefined) return known;
    const state = { steps: 0, slots: slots.map(() => new Float32Array(parameter.size)) };
    this.#states.set(parameter, state);
    return state;
  }
}

function resolveGroups<Options extends GroupOptions>(
  { name, names, resolve }: Kind<Options>,
  parameters: unknown,
  defaults: Options,
): readonly Group[] {
  if (!Array.isArray(parameters)) {
    throw new TypeError(
      `${name}: parameters must be an array of Parameters or of groups { parameters, ...options }, ` +
        `but is ${describe(parameters)}`,
    );
  }
  if (parameters.length === 0) throw new RangeError(`${name}: there are no parameters`);
  const elements: readonly unknown[] = parameters;
  const groupOf = (where: string, parameters: readonly Parameter[], options: Options): Group => {
    const rule = resolve(where, options);
    return { parameters, rule, learningRate: rule.learningRate };
  };
  if (elements.every(isParameter)) return [groupOf(name, elements, defaults)];
  return elements.map((element, index) => {
    const where = `${name}: group ${index}`;
    if (typeof element !== "object" || element === null || !("parameters" in element)) {
      throw new TypeError(
        `${name}: parameters must be Parameters or groups { parameters, ...options }, all of one kind, ` +
          `but parameters[${index}] is ${describe(element)}`,
      );
    }
    checkOptionNames(where, element, ["parameters", ...Object.keys(names)]);
    const { parameters, ...options } = element as ParameterGroup<Options>;
    if (!Array.isArray(parameters) || !parameters.every(isParameter)) {
      throw new TypeError(
        `${where}: parameters must be an array of Parameters, but is ${describe(parameters)}`,
      );
    }
    return groupOf(where, [...parameters], { ...defaults, ...options as GroupOptions as Options });
  });
}

function isParameter(value: unknown): value is Parameter {
  return value instanceof Parameter;
}

/** A parameter that is given twice would take two steps at once. */
function checkDistinct(where: string, entries: readonly Entry[]): void {
  const positions = new Map<Parameter, number>();
  for (const { parameter, position } of entries) {
    const first = positions.get(parameter);
    if (first !== undefined) {
      throw new RangeError(`${where}: parameters ${first} and ${position} are the same one`);
    }
    positions.set(parameter, position);
  }
}

/** Takes a state apart, and knows at the end what was in it besides. */
class StateReader {
  readonly #where: string;
  readonly #left: Map<string, unknown>;

  constructor(where: string, dict: object) {
    this.#where = where;
    this.#left = new Map<string, unknown>(Object.entries(dict));
  }

  /** Whether there is something of the parameter at a position. */
  hasAny(position: number): boolean {
    return [...this.#left.keys()].some((name) => name.startsWith(`${position}.`));
  }

  count(name: string): number {
    const [count] = this.values(name, []);
    return checkInteger(this.#where, `${describe(name)} of the state`, count, 0);
  }

  /** A copy of the values of a name. */
  values(name: string, shape: readonly number[]): Float32Array {
    if (!this.#left.has(name)) {
      throw new TypeError(`${this.#where}: ${describe(name)} is missing from the state`);
    }
    const what = `${describe(name)} of the state`;
    const found = checkTensor(this.#where, what, this.#left.get(name));
    checkSameShape(this.#where, what, found.shape, shape);
    this.#left.delete(name);
    return found.values.copy();
  }

  checkAllRead(): void {
    for (const name of this.#left.keys()) {
      throw new TypeError(
        `${this.#where}: unknown name ${describe(name)} in the state: it is of another kind of ` +
          `optimizer, of other options or of more parameters`,
      );
    }
  }
}

/**
 * Checks the options that all kinds share.
 *
 * @throws {TypeError} If one is of the wrong kind.
 * @throws {RangeError} If a value is out of range.
 */
export function checkGroupOptions(where: string, options: Required<GroupOptions>): void {
  checkNumber(where, "learningRate", options.learningRate, { least: 0 });
  checkNumber(where, "weightDecay", options.weightDecay, { least: 0 });
  checkBoolean(where, "maximize", options.maximize);
}
