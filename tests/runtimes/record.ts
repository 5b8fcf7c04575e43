/**
 * Draws layers of every kind with every option, and records what they give by the formula in float64.
 *
 * ```sh
 * deno task test:runtimes:record
 * ```
 *
 * @module
 */

import * as fc from "fast-check";
import { type Activation, Engine } from "../../mod.ts";
import { reference, referenceGradients } from "../../src/convolution/formula.ts";
import { geometryOf, type LayerCase, layerCases } from "../_arbitrary.ts";
import {
  buildLayer,
  digestOf,
  forwardOptions,
  operandsFor,
  type RecordedCase,
  type RecordedLayer,
  type RecordedOperands,
} from "./recorded.ts";

/** Where the records are, a line each. */
const FILE = new URL("recorded.jsonl", import.meta.url);

const DRAWN = 200;
const SEED = 15;

/** Large enough for several threads, and for the families of kernels that small ones do not get. */
const LARGER: readonly (Partial<LayerCase> & Pick<LayerCase, "spatial">)[] = [
  { spatial: [28, 28], inChannels: 32, outChannels: 48, options: { padding: 1 } },
  { spatial: [14, 14], inChannels: 64, outChannels: 64, options: { padding: 1 }, batch: 2 },
  { spatial: [20, 20], inChannels: 64, outChannels: 96, kernelSize: 1 },
  { spatial: [33, 31], inChannels: 24, outChannels: 24, options: { groups: 24, padding: "same" } },
  { spatial: [40, 40], inChannels: 3, outChannels: 16, kernelSize: 7, options: { stride: 2 } },
  { spatial: [30, 30], inChannels: 16, outChannels: 32, options: { stride: 2, padding: 1 } },
  { spatial: [24, 24], inChannels: 16, outChannels: 16, options: { dilation: 4, padding: 4 } },
  { spatial: [16, 40], inChannels: 24, outChannels: 24, kernelSize: [1, 7] },
  { spatial: [8, 16, 16], inChannels: 8, outChannels: 16, options: { padding: 1 } },
  { spatial: [1500], inChannels: 20, outChannels: 32, options: { padding: "same" } },
  { spatial: [800], inChannels: 16, outChannels: 16, kernelSize: 2, options: { dilation: 64 } },
  { spatial: [1], inChannels: 400, outChannels: 300, kernelSize: 1 },
  { transposed: true, spatial: [16, 16], inChannels: 32, outChannels: 16, options: { stride: 2 } },
  { transposed: true, spatial: [20, 20], inChannels: 16, outChannels: 24, kernelSize: 4 },
  { transposed: true, spatial: [300], inChannels: 32, outChannels: 16, options: { stride: 3 } },
  { transposed: true, spatial: [5, 8, 8], inChannels: 8, outChannels: 16, options: { stride: 2 } },
];

function larger(): LayerCase[] {
  return LARGER.map((changes, seed) => ({
    transposed: false,
    rank: rankOf(changes.spatial),
    batch: 1,
    inChannels: 1,
    outChannels: 1,
    kernelSize: 3,
    bias: true,
    options: {},
    seed,
    ...changes,
  }));
}

function rankOf({ length }: readonly number[]): 1 | 2 | 3 {
  return length === 1 ? 1 : length === 2 ? 2 : 3;
}

const ACTIVATIONS: readonly (Activation | null)[] = [null, "relu", null, "relu6", "leakyRelu"];

/** Every case with each algorithm that it can have in turn, and with one of the ways for its output to leave. */
function recordedCase(layerCase: LayerCase, index: number): RecordedCase {
  const algorithm = (["auto", "direct", "winograd"] as const)[index % 3] ?? "auto";
  const activation = ACTIVATIONS[index % ACTIVATIONS.length] ?? null;
  const wanted = { ...layerCase, algorithm, activation, add: index % 4 === 3 };
  if (algorithm !== "winograd" || hasWinograd(wanted)) return wanted;
  return { ...wanted, algorithm: "auto" };
}

function hasWinograd(wanted: RecordedCase): boolean {
  const engine = new Engine({ threads: 1, memory: 2 ** 26, backend: "wasm" });
  try {
    const layer = buildLayer(wanted, engine);
    const operands = operandsFor(wanted, layer);
    layer.forwardSync(operands.input, forwardOptions(wanted, operands));
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  } finally {
    engine.close();
  }
}

/** Where an activation bends. */
const BENDS = [0, 6];

/** Nearer to a bend nobody can tell after rounding on which side a sum is. */
const LEAST_DISTANCE = 1e-5;

/** How many times other values are drawn before a case has to do without its activation. */
const MOST_DRAWS = 10;

function isUnclear(sum: number): boolean {
  return sum !== 0 && BENDS.some((bend) => Math.abs(sum - bend) < LEAST_DISTANCE);
}

const SLOPE = 0.01;

function slopeAt(activation: Activation | null, sum: number): number {
  if (activation === null) return 1;
  if (sum < 0) return activation === "leakyRelu" ? SLOPE : 0;
  return activation === "relu6" && sum > 6 ? 0 : 1;
}

function activated(activation: Activation | null, sum: number): number {
  if (activation === null) return sum;
  const bent = sum < 0 ? (activation === "leakyRelu" ? SLOPE * sum : 0) : sum;
  return activation === "relu6" ? Math.min(bent, 6) : bent;
}

/** Computes a case by the formula. */
function record(layer: RecordedCase): RecordedLayer {
  using engine = new Engine({ threads: 1, memory: 2 ** 20, backend: "wasm" });
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    const seeded = { ...layer, seed: layer.seed + 100 * draw };
    const operands = operandsFor(seeded, buildLayer(seeded, engine));
    const sums = sumsOf(seeded, operands);
    if (layer.activation === null || !sums.some(isUnclear)) {
      return recordOf(seeded, operands, sums);
    }
  }
  return record({ ...layer, activation: null });
}

function arraysOf({ input, weight, bias }: RecordedOperands) {
  return { input: input.data, weight: weight.data, bias: bias && bias.data };
}

function sumsOf(layer: RecordedCase, operands: RecordedOperands): Float64Array {
  const { add } = operands;
  return reference(geometryOf(layer), arraysOf(operands))
    .map((sum, index) => sum + (add?.data[index] ?? 0));
}

function recordOf(
  layer: RecordedCase,
  operands: RecordedOperands,
  sums: Float64Array,
): RecordedLayer {
  const { activation, bias } = layer;
  const above = operands.gradOutput.data
    .map((gradient, index) => gradient * slopeAt(activation, sums[index] ?? 0));
  const gradients = referenceGradients(geometryOf(layer), arraysOf(operands), above);
  return {
    layer,
    output: digestOf(sums.map((sum) => activated(activation, sum))),
    inputGradient: digestOf(gradients.input),
    weightGradient: digestOf(gradients.weight),
    biasGradient: bias ? digestOf(gradients.bias) : null,
  };
}

const cases = [...fc.sample(layerCases(), { seed: SEED, numRuns: DRAWN }), ...larger()];
const lines = cases.map((layerCase, index) =>
  JSON.stringify(record(recordedCase(layerCase, index)))
);
await Deno.writeTextFile(FILE, lines.map((line) => `${line}\n`).join(""));
console.log(`${lines.length} layers are recorded in ${FILE.pathname}`);
