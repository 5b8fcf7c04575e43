/**
 * Convolutions of what has been enlarged, computed before it is.
 *
 * Where every pixel becomes a block of equal ones, a kernel that is moved over them meets each pixel several times: what
 * it does there is the sum of its weights. So each place in a block has a smaller kernel of its own, and all of them
 * together are one convolution of the pixels as they were, with as many times the outputs, which then become blocks. The
 * enlarged picture, of many channels, never exists: 192 of them, eight times as large, are 49 KB of every pixel.
 *
 * @module
 */

import { product, range } from "../base/numbers.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from "../io/models/onnx/model.ts";

type Constants = ReadonlyMap<string, OnnxTensor>;

/** An enlargement and the convolution that is the only one to take it. */
interface Pair {
  readonly enlargement: OnnxNode;
  readonly convolution: OnnxNode;
  /** Rows and columns of a block. */
  readonly block: number;
  readonly weight: OnnxTensor;
}

/** The same network, in which convolutions come before enlargements where that is possible. */
export function beforeEnlarging(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const nodes = [...graph.nodes];
  const initializers = new Map(graph.initializers);
  for (const convolution of graph.nodes) {
    const pair = pairOf(model, convolution);
    if (pair === null) continue;
    const made = exchanged(pair, initializers);
    nodes.splice(nodes.indexOf(pair.enlargement), 1);
    nodes.splice(nodes.indexOf(convolution), 1, ...made);
  }
  return { ...model, graph: { ...graph, nodes, initializers } };
}

function pairOf({ graph }: OnnxModel, convolution: OnnxNode): Pair | null {
  const [input = "", weightName = "", biasName = ""] = convolution.inputs;
  const enlargement = graph.nodes.find(({ outputs }) => outputs.includes(input));
  const weight = graph.initializers.get(weightName);
  if (enlargement === undefined || weight === undefined) return null;
  const uses = graph.nodes.flatMap(({ inputs }) => inputs).filter((name) => name === input).length;
  const isOnly = uses === 1 && graph.outputs.every(({ name }) => name !== input);
  const hasBias = biasName === "" || graph.initializers.has(biasName);
  const block = blockOf(enlargement, graph.initializers);
  return isOnly && hasBias && block !== null && isPlain(convolution, weight)
    ? { enlargement, convolution, block, weight }
    : null;
}

/** The block that an enlargement makes of each pixel; `null` if it is another one. */
function blockOf({ operator, inputs, attributes }: OnnxNode, constants: Constants): number | null {
  const mode = attributes.get("mode");
  if (operator !== "Upsample" || mode?.kind === "string" && mode.value !== "nearest") return null;
  const [batch, channels, rows = 0, columns, ...others] = constants.get(inputs[1] ?? "")?.data ??
    [];
  const isSquare = batch === 1 && channels === 1 && rows === columns && others.length === 0;
  return isSquare && Number.isInteger(rows) && rows > 1 ? rows : null;
}

/** Whether a convolution leaves rows and columns as many as they are, and takes every channel for each output. */
function isPlain({ operator, attributes }: OnnxNode, { shape }: OnnxTensor): boolean {
  const padding = attributes.get("auto_pad");
  const isSame = padding?.kind === "string" && padding.value === "SAME_UPPER";
  return operator === "Conv" && shape.length === 4 && isSame &&
    ["strides", "dilations", "group"].every((name) => isOne(attributes.get(name)));
}

function isOne(attribute: OnnxAttribute | undefined): boolean {
  if (attribute === undefined) return true;
  if (attribute.kind === "int") return attribute.value === 1;
  return attribute.kind === "ints" && attribute.value.every((value) => value === 1);
}

/** The taps of a kernel along an axis, where it meets pixels that are not enlarged. */
interface Taps {
  readonly count: number;
  /** Pixels before the one whose block is computed, and behind it. */
  readonly before: number;
  readonly behind: number;
  /** Which one a tap meets, from a place in the block. */
  readonly metBy: (tap: number, place: number) => number;
}

function tapsOf(taps: number, block: number): Taps {
  const padding = Math.floor((taps - 1) / 2);
  const pixel = (tap: number, place: number) => Math.floor((place + tap - padding) / block);
  const before = -pixel(0, 0);
  const behind = pixel(taps - 1, block - 1);
  return {
    count: before + 1 + behind,
    before,
    behind,
    metBy: (tap, place) => before + pixel(tap, place),
  };
}

/** A convolution of pixels as they are, and what makes blocks of its outputs. */
function exchanged(
  { enlargement, convolution, block, weight }: Pair,
  initializers: Map<string, OnnxTensor>,
): OnnxNode[] {
  const [, , height = 0, width = 0] = weight.shape;
  const [down, along] = [tapsOf(height, block), tapsOf(width, block)];
  const [, , biasName = ""] = convolution.inputs;
  const bias = initializers.get(biasName);
  const { name, outputs } = convolution;
  const named = (what: string) => `${outputs[0]}/${what} of pixels`;
  const [kernel, blocks] = [named("kernel"), named("blocks")];
  initializers.set(kernel, summed(weight, block, down, along));
  const inputs = [enlargement.inputs[0] ?? "", kernel];
  if (bias !== undefined) {
    initializers.set(named("bias"), repeated(bias, block ** 2));
    inputs.push(named("bias"));
  }
  const pads = [down.before, along.before, down.behind, along.behind];
  return [
    {
      ...convolution,
      inputs,
      outputs: [blocks],
      attributes: new Map([["pads", { kind: "ints", value: pads }]]),
    },
    {
      name,
      operator: "DepthToSpace",
      domain: "",
      inputs: [blocks],
      outputs,
      attributes: new Map<string, OnnxAttribute>([
        ["blocksize", { kind: "int", value: block }],
        ["mode", { kind: "string", value: "CRD" }],
      ]),
    },
  ];
}

/** The weights of every place in a block: sums of those that meet the same pixel. */
function summed(weight: OnnxTensor, block: number, down: Taps, along: Taps): OnnxTensor {
  const [outChannels = 0, inChannels = 0, height = 0, width = 0] = weight.shape;
  const shape = [outChannels * block ** 2, inChannels, down.count, along.count];
  const sums = new Float64Array(product(shape));
  for (const output of range(outChannels)) {
    for (const place of range(block ** 2)) {
      const [row, column] = [Math.floor(place / block), place % block];
      for (const input of range(inChannels)) {
        const to = ((output * block ** 2 + place) * inChannels + input) * down.count;
        const from = (output * inChannels + input) * height;
        for (const y of range(height)) {
          for (const x of range(width)) {
            const at = (to + down.metBy(y, row)) * along.count + along.metBy(x, column);
            sums[at] = (sums[at] ?? 0) + (weight.data[(from + y) * width + x] ?? 0);
          }
        }
      }
    }
  }
  return { kind: "float", shape, data: Float32Array.from(sums) };
}

/** Every number so many times. */
function repeated({ data }: OnnxTensor, times: number): OnnxTensor {
  const numbers = Float32Array.from(
    { length: data.length * times },
    (_, i) => data[Math.floor(i / times)] ?? 0,
  );
  return { kind: "float", shape: [numbers.length], data: numbers };
}
