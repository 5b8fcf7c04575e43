/**
 * The state of many layers in one dictionary, such as that of a network's file.
 *
 * @module
 */

import { checkBoolean, checkOptionNames, describe } from "../base/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { isOfBatchNorm } from "./batch_norm.ts";
import { Layer, stateTargetOf } from "./layer.ts";
import {
  beginOf,
  didYouMeanName,
  entriesOf,
  fitState,
  hintOf,
  type NamedTensors,
  storeFits,
} from "./state.ts";
import { describeMisfit, describeName, type Misfit } from "./state_source.ts";

/** Layers by what they are called, such as `features.0`. */
export type NamedLayers = Readonly<Record<string, Layer>> | ReadonlyMap<string, Layer>;

/** Options of {@linkcode loadStateDicts}. */
export interface LoadStateDictsOptions {
  /**
   * What stands before all names in the dictionary, such as `"module"` where `DataParallel` was saved. Names that
   * do not begin so are not looked at. Default `""`.
   */
  readonly prefix?: string;
  /** Whether names that are missing or unexpected are an error. Default `true`. */
  readonly strict?: boolean;
  /**
   * What in the dictionary is not for these layers, without the prefix: names, and what names begin with before a
   * dot, such as `"fc"` for `fc.weight` and `fc.bias`. They are not unexpected. Default: nothing.
   */
  readonly ignore?: readonly string[];
}

/** What {@linkcode loadStateDicts} did not find, and what it found besides: names of the dictionary. */
export interface StateReport {
  /** Names of parameters that are not in the dictionary; they are as they were, as is a lazy layer without its weight. */
  readonly missing: readonly string[];
  /** Names in the dictionary that are no parameter's. */
  readonly unexpected: readonly string[];
}

const WHERE = "loadStateDicts()";

/**
 * Sets the parameters of several layers to the values of one dictionary, such as a checkpoint of PyTorch's. They
 * are copied into the arrays that the parameters have. Everything is checked first: after an error all layers are
 * as they were.
 *
 * Names are those that PyTorch gives: layer `conv1` has `conv1.weight` and `conv1.bias`. Weights that `weight_norm`
 * keeps as `weight_g` and `weight_v`, or as `parametrizations.weight.original0` and `original1`, are multiplied out.
 *
 * Unexpected is what the dictionary has besides, as in PyTorch, but for what `ignore` names and for batch
 * normalisations (names beside which there are `running_mean` and `running_var`): their place is
 * {@linkcode fuseBatchNorm}.
 *
 * @param layers The layers by name.
 * @param dict Tensors by name, as an object or a map.
 * @param options What stands before the names, and what may be missing or left over.
 * @returns What was missing or unexpected: nothing, if `strict`.
 * @throws {TypeError} If, with `strict`, a name is missing or unexpected, if what should be one is no layer or no
 * tensor, or if an option is unknown or of the wrong kind. The message lists all names, and what was probably meant.
 * @throws {RangeError} If nothing else is wrong but shapes.
 *
 * @example
 * ```ts
 * import { Conv2d, loadStateDicts, Tensor } from "@tileconv/conv";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const dict = {
 *   "conv1.weight": Tensor.ones([8, 3, 3, 3]),
 *   "bn1.weight": Tensor.ones([8]),
 *   "bn1.bias": Tensor.zeros([8]),
 *   "bn1.running_mean": Tensor.zeros([8]),
 *   "bn1.running_var": Tensor.ones([8]),
 *   "layer1.conv1.weight": Tensor.ones([16, 8, 3, 3]),
 *   "fc.weight": Tensor.ones([10, 16]),
 *   "fc.bias": Tensor.zeros([10]),
 * };
 * const layers = {
 *   conv1: new Conv2d(3, 8, 3, { bias: false }),
 *   "layer1.conv1": new Conv2d(8, 16, 3, { bias: false }),
 * };
 * loadStateDicts(layers, dict, { ignore: ["fc"] });
 * assertEquals(layers.conv1.weight.data[0], 1);
 *
 * const wrong = { "layer1.conv": layers["layer1.conv1"] };
 * assertThrows(
 *   () => loadStateDicts(wrong, dict),
 *   TypeError,
 *   'missing: "layer1.conv.weight", did you mean "layer1.conv1.weight"?',
 * );
 * const { unexpected } = loadStateDicts({ conv1: layers.conv1 }, dict, { strict: false });
 * assertEquals(unexpected, ["layer1.conv1.weight", "fc.weight", "fc.bias"]);
 * ```
 */
export function loadStateDicts(
  layers: NamedLayers,
  dict: NamedTensors,
  options: LoadStateDictsOptions = {},
): StateReport {
  checkOptionNames(WHERE, options, ["prefix", "strict", "ignore"]);
  const { prefix = "", strict = true, ignore = [] } = options;
  checkBoolean(WHERE, "strict", strict);
  const outer = beginOf(WHERE, prefix);
  const ignored = checkIgnored(ignore).map((name) => outer + beginOf(WHERE, name));
  const entries = entriesOf(WHERE, "the state", dict, "tensors by name");
  const fits = [...checkLayers(WHERE, layers)].map(([name, layer]) => {
    const begin = outer + beginOf(WHERE, name);
    return { begin, ...fitState(WHERE, stateTargetOf(layer), begin, entries) };
  });
  const used = new Set(fits.flatMap(({ names }) => names));
  const begins = new Set(fits.map(({ begin }) => begin));
  const isExpected = (name: string) =>
    used.has(name) || ignored.some((begin) => `${name}.`.startsWith(begin)) ||
    !begins.has(name.slice(0, name.lastIndexOf(".") + 1)) && isOfBatchNorm(name, entries);
  const faults: Faults = {
    missing: fits.flatMap(({ missing }) => missing),
    unexpected: [...entries.keys()].filter((name) => name.startsWith(outer) && !isExpected(name)),
    misfits: fits.flatMap(({ misfits }) => misfits),
  };
  checkFaults(faults, strict, [...entries.keys()].filter((name) => !used.has(name)));
  storeFits(fits);
  return { missing: faults.missing, unexpected: faults.unexpected };
}

/**
 * The values of the parameters of several layers by name, to be saved as one file: what {@linkcode loadStateDicts}
 * takes.
 *
 * @param layers The layers by name.
 * @returns Tensors by name: layer `conv1` has `conv1.weight` and, unless it has none, `conv1.bias`. They are copies.
 * @throws {TypeError} If one is no layer.
 *
 * @example
 * ```ts
 * import { Conv2d, loadStateDicts, stateDicts } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const build = () => ({ stem: new Conv2d(3, 8, 3), "blocks.0": new Conv2d(8, 8, 3, { bias: false }) });
 * const trained = build();
 * const dict = stateDicts(trained);
 * assertEquals(Object.keys(dict), ["stem.weight", "stem.bias", "blocks.0.weight"]);
 * loadStateDicts(build(), dict);
 * ```
 */
export function stateDicts(layers: NamedLayers): Record<string, Tensor> {
  const where = "stateDicts()";
  const entries = [...checkLayers(where, layers)].flatMap(([name, layer]) =>
    Object.entries(layer.stateDict()).map(([parameter, tensor]) =>
      [beginOf(where, name) + parameter, tensor] as const
    )
  );
  return Object.fromEntries(entries);
}

interface Faults extends StateReport {
  readonly misfits: readonly Misfit[];
}

/**
 * @param unused What is in the dictionary and no layer's.
 * @throws {TypeError | RangeError} If there are faults that are not let pass.
 */
function checkFaults(faults: Faults, strict: boolean, unused: readonly string[]): void {
  const { missing, unexpected, misfits } = faults;
  const named = strict ? missing.length + unexpected.length : 0;
  if (named + misfits.length === 0) return;
  const parts: string[] = [];
  if (strict && missing.length > 0) {
    const meant = (name: string) => describeName(name) + didYouMeanName(name, unused);
    parts.push(`missing: ${list(missing, meant)}`);
  }
  if (strict && unexpected.length > 0) {
    const meant = (name: string) => describeName(name) + didYouMeanName(name, missing);
    parts.push(`unexpected: ${list(unexpected, meant)}`);
  }
  if (misfits.length > 0) parts.push(`misshapen: ${list(misfits, describeMisfit)}`);
  const message = `${WHERE}: the state does not fit${prefixHint(missing, unused)}; ${
    parts.join("; ")
  }`;
  if (named > 0) throw new TypeError(message);
  throw new RangeError(message);
}

/** So many names of one kind are listed: enough to see what they have in common. */
const MOST_LISTED = 20;

function list<Item>(items: readonly Item[], describe: (item: Item) => string): string {
  const more = items.length > MOST_LISTED ? `, and ${items.length - MOST_LISTED} more` : "";
  return items.slice(0, MOST_LISTED).map(describe).join(", ") + more;
}

/** What to do where all that is missing is there behind one more prefix, as `DataParallel` and others put. */
function prefixHint([first, ...others]: readonly string[], unused: readonly string[]): string {
  if (first === undefined) return "";
  const prefixes = unused.filter((name) => name.endsWith(`.${first}`))
    .map((name) => name.slice(0, -first.length));
  const names = new Set(unused);
  const prefix = prefixes.find((prefix) => others.every((name) => names.has(prefix + name)));
  return prefix === undefined ? "" : hintOf(prefix);
}

function checkIgnored(ignore: unknown): readonly string[] {
  if (Array.isArray(ignore) && ignore.every((name) => typeof name === "string")) return ignore;
  throw new TypeError(`${WHERE}: ignore must be an array of names, but is ${describe(ignore)}`);
}

function* checkLayers(where: string, layers: unknown): Iterable<readonly [string, Layer]> {
  for (const [name, layer] of entriesOf(where, "layers", layers, "layers by name")) {
    if (!(layer instanceof Layer)) {
      throw new TypeError(
        `${where}: ${describeName(name)} must be a layer, but is ${describe(layer)}`,
      );
    }
    yield [name, layer];
  }
}
