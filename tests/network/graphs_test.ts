import * as fc from "fast-check";
import { Engine } from "../../src/engine/engine.ts";
import { draws } from "../_depth.ts";
import { drawn, float, GraphBuilder, int, intList, ints } from "./_models.ts";
import { assertSameAsOracle, ENGINES, type Results } from "./_oracle.ts";

/** A value in a graph. */
interface Made {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What is drawn for a node: which kind, which values it takes, and a number for the rest. */
interface Choice {
  readonly kind: string;
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

type Make = (net: GraphBuilder, a: Made, b: Made, size: number) => Made;

const same = (name: string, { shape }: Made): Made => ({ name, shape });
const channelsOf = ({ shape }: Made): number => shape[1] ?? 1;

function conv(net: GraphBuilder, a: Made, size: number, kernel: 1 | 3): Made {
  const [batch = 1, channels = 1, ...spatial] = a.shape;
  const weight = net.drawn([size, channels, kernel, kernel], 0.5 / kernel / Math.sqrt(channels));
  const padding = (kernel - 1) / 2;
  const attributes = { pads: intList([padding, padding, padding, padding]) };
  return {
    name: net.add("Conv", [a.name, weight, net.drawn([size], 0.1)], attributes),
    shape: [batch, size, ...spatial],
  };
}

/** Puts values together along an axis if they fit. */
function concat(net: GraphBuilder, parts: readonly Made[], axis: number): Made {
  const [first] = parts;
  if (first === undefined) return { name: "x", shape: [] };
  const fitting = parts.filter(({ shape }) =>
    shape.every((size, i) => i === axis || size === first.shape[i])
  );
  const total = fitting.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  return {
    name: net.add("Concat", fitting.map(({ name }) => name), { axis: int(axis) }),
    shape: first.shape.with(axis, total),
  };
}

function isAlike(a: Made, b: Made): boolean {
  return a.shape.every((size, axis) => size === b.shape[axis]);
}

const KINDS: Readonly<Record<string, Make>> = {
  conv3: (net, a, _, size) => conv(net, a, size, 3),
  conv1: (net, a, _, size) => conv(net, a, size, 1),
  "conv of the same": (net, a) => conv(net, a, channelsOf(a), 3),
  "residual block": (net, a) => {
    const inner = conv(net, a, channelsOf(a), 3);
    return same(net.add("Relu", [net.add("Add", [inner.name, a.name])]), a);
  },
  relu: (net, a) => same(net.add("Relu", [a.name]), a),
  leaky: (net, a) => same(net.add("LeakyRelu", [a.name], { alpha: float(0.2) }), a),
  tanh: (net, a) => same(net.add("Tanh", [a.name]), a),
  scale: (net, a) => same(net.add("Mul", [a.name, net.drawn([channelsOf(a), 1, 1])]), a),
  shift: (net, a) => same(net.add("Add", [net.drawn([1, channelsOf(a), 1, 1]), a.name]), a),
  add: (net, a, b) => isAlike(a, b) ? same(net.add("Add", [a.name, b.name]), a) : a,
  "add to a conv": (net, a, b) => {
    const made = conv(net, a, channelsOf(b), 1);
    return isAlike(made, b) ? same(net.add("Add", [b.name, made.name]), b) : made;
  },
  channels: (net, a, b) => concat(net, [a, b], 1),
  "channels of three": (net, a, b) => concat(net, [a, b, a], 1),
  batches: (net, a, b) => concat(net, [a, b], 0),
  "dense block": (net, a, _, size) => concat(net, [a, conv(net, a, size, 3)], 1),
  part: (net, a, _, size) => {
    const channels = Math.min(size, channelsOf(a));
    const bounds = [ints([0]), ints([channels]), ints([1])].map((tensor) => net.constant(tensor));
    return { name: net.add("Slice", [a.name, ...bounds]), shape: a.shape.with(1, channels) };
  },
  view: (net, a) => {
    const flat = net.add("Reshape", [a.name, net.constant(ints([-1]))]);
    return same(net.add("Reshape", [net.add("Relu", [flat]), net.constant(ints(a.shape))]), a);
  },
  weigh: (net, a) => {
    const mean = net.add("Sigmoid", [net.add("GlobalAveragePool", [a.name])]);
    return same(net.add("Mul", [a.name, mean]), a);
  },
  pool: (net, a) => {
    const attributes = { kernel_shape: intList([3, 3]), pads: intList([1, 1, 1, 1]) };
    return same(net.add("MaxPool", [a.name], attributes), a);
  },
};

/** More elements only take time. */
const MOST_ELEMENTS = 6000;

const choices: fc.Arbitrary<Choice[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...Object.keys(KINDS)),
    // The last values are taken more often.
    a: fc.oneof(fc.constant(0), fc.nat(4)),
    b: fc.nat(8),
    size: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 14 },
);

/** Builds a graph: what is drawn says how far back the values lie. */
function graph(batch: number, drawing: readonly Choice[]) {
  const net = new GraphBuilder(drawing.length);
  const shape = [batch, 4, 5, 6];
  const values: Made[] = [{ name: "x", shape }];
  const back = (steps: number) =>
    values[Math.max(0, values.length - 1 - steps)] ?? same("x", { name: "x", shape });
  for (const { kind, a, b, size } of drawing) {
    const made = KINDS[kind]?.(net, back(a), back(b), size);
    if (made === undefined) continue;
    const elements = made.shape.reduce((product, size) => product * size, 1);
    if (elements <= MOST_ELEMENTS) values.push(made);
  }
  return { net, shape, names: values.map(({ name }) => name) };
}

Deno.test("Random graphs give what ONNX Runtime gives, whichever of their values are asked for", async () => {
  using little = new Engine({ threads: 2, memory: 2 ** 20, backend: "wasm" });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 1, 2),
      choices,
      fc.array(fc.nat(14), { maxLength: 4 }),
      async (batch, drawing, asked) => {
        const { net, shape, names } = graph(batch, drawing);
        const last = names.at(-1) ?? "x";
        const outputs = [...new Set([last, ...asked.flatMap((i) => names[i] ?? [])])];
        const x = { shape, data: Float32Array.from(drawn(shape, 1).data) };
        const call: Results = { x };
        const comparison = { engines: [...ENGINES, little], tolerance: 1e-4 };
        await assertSameAsOracle(net.model({ x: shape }, outputs), [call], comparison);
      },
    ),
    { seed: 42, numRuns: draws(60), endOnFailure: true },
  );
});
