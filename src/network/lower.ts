/**
 * From a graph and the shapes of its inputs to steps: what can be known is computed now.
 *
 * @module
 */

import { didYouMean } from "../base/checks.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "../io/models/onnx/model.ts";
import { Budget } from "./graph/budget.ts";
import { OPERATORS } from "./operators/all.ts";
import { describeNode, type Operator, Site } from "./graph/site.ts";
import type { Lowered, NetworkStep } from "./graph/steps.ts";
import { computedOf, constantTensor, type Value } from "./graph/values.ts";

/**
 * Checks that what is given and asked for are floating-point numbers.
 *
 * @throws {RangeError} If they are others.
 */
export function checkKinds({ graph }: OnnxModel): void {
  for (const [what, values] of [["input", graph.inputs], ["output", graph.outputs]] as const) {
    const other = values.find(({ kind }) => kind !== "float");
    if (other === undefined) continue;
    throw new RangeError(
      `The ${what} ${JSON.stringify(other.name)} is of kind ${other.kind}, but tensors here hold ` +
        "floating-point numbers",
    );
  }
}

/** The names of ONNX's own domain. */
const OWN_DOMAINS: readonly string[] = ["", "ai.onnx"];

/** Versions of the operators that are known. */
const LEAST_OPSET = 7;

/**
 * Checks that every operator is known.
 *
 * @throws {RangeError} If one is not, with its name and node.
 */
export function checkOperators({ opsets, graph }: OnnxModel): void {
  const opset = opsetOf(opsets);
  if (opset < LEAST_OPSET) {
    throw new RangeError(
      `The operators must have version ${LEAST_OPSET} or newer, but are of version ${opset}`,
    );
  }
  for (const node of graph.nodes) operatorOf(node);
}

function opsetOf(opsets: OnnxModel["opsets"]): number {
  return opsets.get("") ?? opsets.get("ai.onnx") ?? LEAST_OPSET;
}

function operatorOf(node: OnnxNode): Operator {
  const operator = OWN_DOMAINS.includes(node.domain) ? OPERATORS.get(node.operator) : undefined;
  if (operator !== undefined) return operator;
  throw new RangeError(
    `${describeNode(node)}: there is no such operator here` +
      didYouMean(node.operator, [...OPERATORS.keys()]),
  );
}

/** What is known of a graph whatever the shapes of its inputs: it is computed once. */
export function knownValues({ opsets, graph }: OnnxModel): ReadonlyMap<string, Value> {
  const known = new Map<string, Value>();
  const budget = new Budget(graph);
  for (const [name, tensor] of graph.initializers) known.set(name, constantTensor(tensor));
  for (const node of graph.nodes) {
    if (!node.inputs.every((name) => name === "" || known.has(name))) continue;
    const made = valuesOf(known, node, opsetOf(opsets), [], budget);
    // Convolutions of constants are left to the steps.
    if (made.every(([, { isConstant }]) => isConstant)) {
      made.forEach(([name, v]) => known.set(name, v));
    }
  }
  return known;
}

/**
 * Makes steps of a graph.
 *
 * @param known What is known whatever the shapes.
 * @param shapes Those of the inputs, in their order.
 * @throws {RangeError} If an operator cannot be applied to what it is given.
 */
export function lower(
  { opsets, graph }: OnnxModel,
  known: ReadonlyMap<string, Value>,
  shapes: readonly (readonly number[])[],
): Lowered {
  const values = new Map(known);
  const budget = new Budget(graph);
  const steps: NetworkStep[] = [];
  const inputs = graph.inputs.map(({ name }, i) => {
    const input = computedOf(shapes[i] ?? []);
    values.set(name, input);
    return input.storage;
  });
  for (const node of graph.nodes) {
    const isMade = node.outputs.every((name) => name === "" || values.has(name));
    if (isMade) continue;
    for (const [name, value] of valuesOf(values, node, opsetOf(opsets), steps, budget)) {
      values.set(name, value);
    }
  }
  return { steps, inputs, outputs: outputsOf(graph, values, opsetOf(opsets), steps, budget) };
}

function outputsOf(
  { outputs }: OnnxGraph,
  values: ReadonlyMap<string, Value>,
  opset: number,
  steps: NetworkStep[],
  budget: Budget,
): Lowered["outputs"] {
  return outputs.map(({ name }) => {
    const value = values.get(name);
    if (value === undefined) {
      throw new RangeError(`No node makes the output ${JSON.stringify(name)}`);
    }
    const node = { ...OUTPUT, outputs: [name] };
    const site = new Site(node, opset, [], steps, budget);
    if (value.kind !== "float") {
      site.fail(`it is of kind ${value.kind}, but tensors here hold floating-point numbers`);
    }
    const { storage, shape } = site.computed(value);
    return { storage, shape };
  });
}

/** What hands a constant out. */
const OUTPUT: Omit<OnnxNode, "outputs"> = {
  name: "",
  operator: "Output",
  domain: "",
  inputs: [],
  attributes: new Map(),
};

/** The values that a node makes, by their names. */
function valuesOf(
  values: ReadonlyMap<string, Value>,
  node: OnnxNode,
  opset: number,
  steps: NetworkStep[],
  budget: Budget,
): (readonly [string, Value])[] {
  const inputs = node.inputs.map((name) => {
    if (name === "") return null;
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new RangeError(`${describeNode(node)}: nothing makes its input ${JSON.stringify(name)}`);
  });
  const made = operatorOf(node)(new Site(node, opset, inputs, steps, budget));
  const outputs: readonly Value[] = "isConstant" in made ? [made] : made;
  return node.outputs.flatMap((name, i) => {
    const value = outputs[i];
    return name === "" || value === undefined ? [] : [[name, value] as const];
  });
}
