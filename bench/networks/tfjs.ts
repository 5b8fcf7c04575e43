import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { decodeOnnx } from "../../src/io/models/onnx/decode.ts";
import { floatValues } from "../peers/float_values.ts";
import type { Peer } from "../peers/peer.ts";
import { startTensorFlow } from "../peers/tfjs.ts";
import type { NetworkProblem } from "./problem.ts";
import { operationOf } from "./tfjs_operations.ts";
import { stepsOf } from "./tfjs_steps.ts";

/** An operation of TensorFlow.js on values by their names. */
interface Call {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly compute: (inputs: readonly tf.Tensor[]) => tf.Tensor;
  /** The values that nobody takes after it. */
  readonly last: readonly string[];
}

/**
 * TensorFlow.js on its WebAssembly SIMD backend. It gets what its converter would make of a network: normalisations in
 * the weights, activations fused, channels last; and as its models do, it lets go of every value after its last use.
 */
export class TensorFlowNetworks implements Peer<NetworkProblem> {
  readonly name = "@tensorflow/tfjs-backend-wasm";
  readonly mostThreads = 1;
  #started: Promise<void> | null = null;

  async prepare({ model, input, inputShape }: NetworkProblem) {
    await (this.#started ??= startTensorFlow());
    const { graph } = decodeOnnx(model);
    const constants: tf.Tensor[] = [];
    const calls = callsOf(graph, constants);
    const [inputName = "", outputName = ""] = [graph.inputs[0]?.name, graph.outputs[0]?.name];
    const x = tf.tidy(() => tf.transpose(tf.tensor(input, [...inputShape]), [0, 2, 3, 1]));
    let outputShape: readonly number[] = [];
    return {
      run: () => {
        const output = run(calls, inputName, x, outputName);
        const values = floatValues(output.dataSync());
        outputShape = output.shape;
        output.dispose();
        return values;
      },
      rowMajor: (values: Float32Array) => rowMajor(values, outputShape),
      [Symbol.asyncDispose]: () => {
        tf.dispose([x, ...constants]);
        return Promise.resolve();
      },
    };
  }
}

/** @param constants Takes the tensors of the weights. */
function callsOf(graph: ReturnType<typeof decodeOnnx>["graph"], constants: tf.Tensor[]): Call[] {
  const steps = stepsOf(graph);
  const names = (index: number) => steps[index]?.inputs ?? [];
  const given = graph.inputs.map(({ name }) => name);
  return steps.map((step, index) => {
    const later = new Set(steps.slice(index + 1).flatMap(({ inputs }) => inputs));
    return {
      inputs: step.inputs,
      output: step.output,
      compute: operationOf(step, graph.initializers, constants),
      last: [...new Set(names(index))].filter((name) => !later.has(name) && !given.includes(name)),
    };
  });
}

function run(
  calls: readonly Call[],
  inputName: string,
  x: tf.Tensor,
  outputName: string,
): tf.Tensor {
  const values = new Map([[inputName, x]]);
  const valueOf = (name: string) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new RangeError(`Nothing gives ${name}`);
  };
  for (const { inputs, output, compute, last } of calls) {
    values.set(output, compute(inputs.map(valueOf)));
    for (const name of last) {
      valueOf(name).dispose();
      values.delete(name);
    }
  }
  return valueOf(outputName);
}

/** Channels come before rows and columns, where there are any. */
function rowMajor(values: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length < 4) return values;
  return floatValues(
    tf.tidy(() => tf.transpose(tf.tensor(values, [...shape]), [0, 3, 1, 2]).dataSync()),
  );
}
