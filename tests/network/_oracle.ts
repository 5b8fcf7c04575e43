/**
 * ONNX Runtime as an oracle of networks.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { Engine } from "../../src/engine/engine.ts";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { fromOnnx } from "../../src/network/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** An array with its shape. */
export interface Result {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Results = Readonly<Record<string, Result>>;

/** What ONNX Runtime makes of a model, one thread, every node as the file says it. */
export async function oracle(model: OnnxModel, calls: readonly Results[]): Promise<Results[]> {
  const session = await InferenceSession.create(encodeOnnx(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  try {
    const results: Results[] = [];
    for (const inputs of calls) results.push(await runOnce(session, inputs));
    return results;
  } finally {
    await session.release();
  }
}

async function runOnce(session: InferenceSession, inputs: Results): Promise<Results> {
  const feeds = Object.entries(inputs).map(([name, { shape, data }]) =>
    [name, new OnnxTensor("float32", data, [...shape])] as const
  );
  const outputs = await session.run(Object.fromEntries(feeds));
  const results = Object.entries(outputs).map(([name, { dims, data }]) => {
    if (!(data instanceof Float32Array)) throw new TypeError(`${name} is no float32 tensor`);
    return [name, { shape: dims, data }] as const;
  });
  return Object.fromEntries(results);
}

/** The largest difference, in proportion to the largest number; infinite where one alone is no number. */
export function difference(actual: Float32Array, expected: Float32Array): number {
  let [most, scale] = [0, 0];
  for (const [i, wanted] of expected.entries()) {
    const made = actual[i] ?? NaN;
    if (Object.is(made, wanted) || Number.isNaN(made) && Number.isNaN(wanted)) continue;
    const apart = Math.abs(made - wanted);
    most = Number.isNaN(apart) ? Infinity : Math.max(most, apart);
    if (Number.isFinite(wanted)) scale = Math.max(scale, Math.abs(wanted));
  }
  for (const wanted of expected) {
    if (Number.isFinite(wanted)) scale = Math.max(scale, Math.abs(wanted));
  }
  return most === 0 ? 0 : most / Math.max(scale, Number.MIN_VALUE);
}

/** Sees to it that results are those that are expected, with their shapes. */
export function assertClose(
  actual: Results,
  expected: Results,
  tolerance: number,
  where = "",
): void {
  assertEquals(Object.keys(actual).sort(), Object.keys(expected).sort(), where);
  for (const [name, { shape, data }] of Object.entries(expected)) {
    const made = actual[name];
    assertEquals(made?.shape, shape, `${where} ${name}`);
    const error = difference(made?.data ?? new Float32Array(0), data);
    assert(error <= tolerance, `${where}: ${name} is off by ${error} of the largest number`);
  }
}

/** One engine for each backend that this machine has. */
export const ENGINES: readonly Engine[] = enginesOf(["wasm", "auto"]);

function enginesOf(backends: readonly ("wasm" | "auto")[]): Engine[] {
  const engines = backends.map((backend) => new Engine({ threads: 2, backend }));
  return engines.filter(({ backend }, i) => i === 0 || backend !== "wasm");
}

/** How far our sums may be from others. */
const TOLERANCE = 1e-5;

/** Which engines compute a model, and how far off they may be. */
export interface Comparison {
  readonly engines?: readonly Engine[];
  readonly tolerance?: number;
}

/**
 * Sees to it that a model gives what ONNX Runtime gives: in the background and on the spot.
 *
 * @param calls Inputs of one call after the other, to the same network.
 */
export async function assertSameAsOracle(
  model: OnnxModel,
  calls: readonly Results[],
  { engines = ENGINES, tolerance = TOLERANCE }: Comparison = {},
): Promise<void> {
  const expected = await oracle(model, calls);
  const bytes = encodeOnnx(model);
  for (const engine of engines) {
    const network = fromOnnx(bytes, { engine });
    for (const [i, wanted] of expected.entries()) {
      const inputs = tensorsOf(calls[i] ?? {});
      const where = `${engine.backend}, call ${i}`;
      assertClose(network.forwardSync(inputs), wanted, tolerance, `${where}, sync`);
      assertClose(await network.forward(inputs), wanted, tolerance, `${where}, async`);
    }
  }
}

/** Tensors of our own. */
export function tensorsOf(results: Results): Record<string, Tensor> {
  const tensors = Object.entries(results).map(([name, { shape, data }]) =>
    [name, new Tensor(data.slice(), shape)] as const
  );
  return Object.fromEntries(tensors);
}
