import type { OnnxGraph, OnnxNode, OnnxTensor } from "../../src/io/models/onnx/model.ts";

/** A node, and what is computed on the way. */
export interface FusedStep {
  readonly node: OnnxNode;
  /** The values that it takes: weights are none. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly norm: OnnxNode | null;
  readonly activation: "linear" | "relu" | "relu6";
}

/** The nodes of a graph, those that a convolution does on the way with it. */
export function stepsOf(graph: OnnxGraph): FusedStep[] {
  const { nodes, initializers } = graph;
  const done = new Set<OnnxNode>();
  return nodes.flatMap((node): FusedStep[] => {
    if (done.has(node)) return [];
    const chain = node.operator === "Conv" ? fusable(graph, node) : [];
    for (const next of chain) done.add(next);
    return [{
      node,
      inputs: node.inputs.filter((name) => name !== "" && !initializers.has(name)),
      output: (chain.at(-1) ?? node).outputs[0] ?? "",
      norm: chain.find(({ operator }) => operator === "BatchNormalization") ?? null,
      activation: activationOf(chain.at(-1), initializers) ?? "linear",
    }];
  });
}

/** The normalisation and the activation that alone take what a convolution makes. */
function fusable(graph: OnnxGraph, node: OnnxNode): readonly OnnxNode[] {
  const next = onlyTaker(graph, node);
  const norm = next?.operator === "BatchNormalization" ? [next] : [];
  const last = norm[0] === undefined ? next : onlyTaker(graph, norm[0]);
  const isActivation = activationOf(last, graph.initializers) !== null;
  return last !== undefined && isActivation ? [...norm, last] : norm;
}

function onlyTaker({ nodes, outputs }: OnnxGraph, { outputs: [name = ""] }: OnnxNode) {
  const [first, ...others] = nodes.filter(({ inputs }) => inputs.includes(name));
  const isOutput = outputs.some((output) => output.name === name);
  return others.length === 0 && !isOutput ? first : undefined;
}

/** The activation of TensorFlow.js that a node is. */
export function activationOf(
  node: OnnxNode | undefined,
  constants: ReadonlyMap<string, OnnxTensor>,
): "relu" | "relu6" | null {
  if (node?.operator === "Relu") return "relu";
  const [, low = "", high = ""] = node?.inputs ?? [];
  const isRelu6 = node?.operator === "Clip" && constants.get(low)?.data[0] === 0 &&
    constants.get(high)?.data[0] === 6;
  return isRelu6 ? "relu6" : null;
}
