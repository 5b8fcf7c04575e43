/**
 * The gradient of biases: for every output channel the sum of the output's gradient.
 *
 * What is planned is the convolution that it is, as `convolution/adjoint.ts` says; it has no weights.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { sumLanes } from "../common/lane_sums.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";

const PARAMETERS = ["input", "output"] as const;

const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Plans the sums of all channels. */
export function planBiasGradient(problem: Problem): PlanBody {
  const { geometry: g, target } = problem;
  const channels = g.outChannels;
  const items = g.inChannels / channels;
  const pixels = product(g.input);
  const itemCost = items * pixels / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder("bias gradient");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      channels: {
        count: channels,
        block: evenBlock(channels, 1, channels * itemCost, TILE_COST),
        steps: { input: pixels * FLOAT_BYTES, output: FLOAT_BYTES },
      },
    },
    bases: {
      input: { buffer: BUFFER.input, offset: 0 },
      output: { buffer: BUFFER.output, offset: 0 },
    },
    itemCost,
    write: ({ channels: some }) => sumProgram(target, { channels, items, pixels }, some),
  });
  return {
    family: "weight-gradient",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(problem, {}).with(BUFFER.weight, { name: "weight", bytes: 0 }),
    preparation: [],
    phases: [phase.build()],
  };
}

/** What is summed: `[item][channel][pixel]`. */
interface Planes {
  readonly channels: number;
  readonly items: number;
  readonly pixels: number;
}

/** Vectors that are summed each by itself: enough to hide the latency, and to round less. */
const SUMS = 8;

function sumProgram({ lanes }: Target, { channels, items, pixels }: Planes, some: number): Program {
  const code = new ProgramBuilder(
    `bias gradient ${some}c x ${items}x${pixels}px`,
    lanes,
    PARAMETERS,
  );
  const value = code.register();
  const vectorBytes = lanes * FLOAT_BYTES;
  const along = [[INPUT, vectorBytes]] as const;
  const steps = [[INPUT, pixels * FLOAT_BYTES], [OUTPUT, FLOAT_BYTES]] as const;
  code.blocks(some, 1, steps, () => {
    const sums = code.registers(SUMS);
    for (const sum of sums) code.zero(sum);
    const addVector = (i: number, count: number) => {
      const sum = sums[i % SUMS] ?? 0;
      code.load(value, INPUT, i * vectorBytes, count);
      code.add(sum, sum, value);
    };
    code.sweep(items, [[INPUT, channels * pixels * FLOAT_BYTES]], () => {
      const vectors = Math.floor(pixels / lanes);
      code.blocks(vectors, SUMS, along, (count) => {
        for (const i of range(count)) addVector(i, lanes);
      });
      const rest = pixels % lanes;
      if (rest > 0) code.displaced(along, vectors, () => addVector(0, rest));
    });
    code.store(sumLanes(code, [addPairs(code, sums)]), OUTPUT, 0, 1);
  });
  return code.build();
}

/** The sum of some vectors, those of halves first. */
function addPairs(code: ProgramBuilder, sums: readonly Register[]): Register {
  let left = sums;
  while (left.length > 1) {
    const half = Math.ceil(left.length / 2);
    left = range(half).map((i) => {
      const [a = 0, b] = [left[i], left[i + half]];
      if (b !== undefined) code.add(a, a, b);
      return a;
    });
  }
  return left[0] ?? 0;
}
