/**
 * Folding with kernels so large that sums over different numbers of taps would take too many programs: tap after tap is
 * added to the sums in a thread's own memory, those of the padding too, and what is wanted of them is copied from
 * there. Every sum is taken in the same order.
 *
 * @module
 */

import { FLOAT_BYTES, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry, Triple } from "../../convolution/geometry.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { padSegments } from "../../convolution/padding.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { writeSegment } from "../packing/padded.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";

/** Of more runs of sums than this, all tap counts of the outer axes taken together, programs take long to compile. */
const MOST_RUNS = 2000;

/** Whether sums in registers would take too many programs. */
export function hasManyRuns(g: Geometry): boolean {
  const taps = (axis: 0 | 1 | 2) =>
    Math.min(g.input[axis], Math.ceil(g.kernel[axis] / tapSteps(g, axis).kernel));
  const columns = taps(2) === 1 ? 1 : Math.min(2 * g.kernel[2], g.output[2]);
  return taps(0) * taps(1) * columns > MOST_RUNS;
}

/** Plans the folding of the batch items, each into one channel. */
export function planAccumulated(problem: Problem): PlanBody {
  const { geometry: g, target: { lanes } } = problem;
  const full = fullSizes(g);
  const scratchBytes = (product(full) + lanes) * FLOAT_BYTES;
  return {
    family: "unfold",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(problem, {}, scratchBytes),
    preparation: [],
    phases: [accumulatePhase(g, full, lanes, scratchBytes)],
  };
}

/** The sizes of all that the kernels reach. */
function fullSizes(g: Geometry): Triple {
  const size = (axis: 0 | 1 | 2) =>
    (g.input[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1;
  return [size(0), size(1), size(2)];
}

/** The first two in the order of those of packing: what is wanted of the sums is copied as inputs are. */
const PARAMETERS = ["scratch", "output", "input"] as const;
const { scratch: SCRATCH, output: OUTPUT, input: INPUT } = indicesOf(PARAMETERS);

/** An item a tile: what a tile sums up, nobody else may see before it is done. */
function accumulatePhase(g: Geometry, full: Triple, lanes: number, scratchBytes: number): Phase {
  const phase = new PhaseBuilder("accumulate");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      items: {
        count: g.batch,
        steps: {
          input: g.inChannels * product(g.input) * FLOAT_BYTES,
          output: product(g.output) * FLOAT_BYTES,
        },
      },
    },
    bases: {
      scratch: { buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes },
      output: { buffer: BUFFER.output, offset: 0 },
      input: { buffer: BUFFER.input, offset: 0 },
    },
    itemCost: g.inChannels * product(g.input) / COPIES_PER_MICROSECOND,
    write: () => {
      const name = `accumulate ${g.kernel.join("x")} taps`;
      const code = new ProgramBuilder(name, lanes, PARAMETERS);
      writeZeros(code, product(full));
      accumulate(code, g, full);
      copyWanted(code, g, full);
      return code.build();
    },
  });
  return phase.build();
}

function writeZeros(code: ProgramBuilder, count: number): void {
  const zero = code.register();
  code.zero(zero);
  code.blocks(
    count,
    code.lanes,
    [[SCRATCH, FLOAT_BYTES]],
    (items) => code.store(zero, SCRATCH, 0, items),
  );
}

/** Copies what the padding has not cut off; beyond what the kernels reach there is zero. */
function copyWanted(code: ProgramBuilder, g: Geometry, full: Triple): void {
  const segments = (axis: 0 | 1 | 2) =>
    padSegments({ count: g.output[axis], step: 1, first: g.padBegin[axis] }, full[axis], "zeros");
  const pitches = (sizes: Triple) => [sizes[1] * sizes[2] * FLOAT_BYTES, sizes[2] * FLOAT_BYTES];
  const [fromPlane = 0, fromRow = 0] = pitches(full);
  const [toPlane = 0, toRow = 0] = pitches(g.output);
  for (const d of segments(0)) {
    for (const h of segments(1)) {
      const isZero = d.source === null || h.source === null;
      const nothing = [{ count: g.output[2], start: 0, source: null, step: 0 }];
      const origin = [
        [SCRATCH, (d.source ?? 0) * fromPlane + (h.source ?? 0) * fromRow],
        [OUTPUT, d.start * toPlane + h.start * toRow],
      ] as const;
      const moving = (from: number, to: number) =>
        [[SCRATCH, isZero ? 0 : from], [OUTPUT, to]] as const;
      code.displaced(origin, 1, () => {
        code.sweep(d.count, moving(fromPlane, toPlane), () => {
          code.sweep(h.count, moving(fromRow, toRow), () => {
            for (const segment of isZero ? nothing : segments(2)) writeSegment(code, segment);
          });
        });
      });
    }
  }
}

/** A loop: how often, and bytes from turn to turn in what is read and in the sums. */
type Turn = readonly [count: number, input: number, sums: number];

function accumulate(code: ProgramBuilder, g: Geometry, full: Triple): void {
  const inner = (sizes: Triple, axis: number) => product(sizes.slice(axis + 1)) * FLOAT_BYTES;
  const taps = g.kernel.map((count, axis): Turn => [
    count,
    inner(g.kernel, axis) * product(g.input),
    (g.dilation[axis] ?? 1) * inner(full, axis),
  ]);
  const rows = g.input.slice(0, 2).map((count, axis): Turn => [
    count,
    inner(g.input, axis),
    (g.stride[axis] ?? 1) * inner(full, axis),
  ]);
  const repeat = ([turn, ...others]: readonly Turn[]): void => {
    if (turn === undefined) return addRow(code, g.input[2], g.stride[2]);
    const [count, input, sums] = turn;
    code.sweep(count, [[INPUT, input], [SCRATCH, sums]], () => repeat(others));
  };
  repeat([...taps, ...rows]);
}

/** Adds a row to sums that are a stride apart. */
function addRow(code: ProgramBuilder, count: number, stride: number): void {
  const [value, sum] = [code.register(), code.register()];
  const steps = [[INPUT, FLOAT_BYTES], [SCRATCH, stride * FLOAT_BYTES]] as const;
  code.blocks(count, code.lanes, steps, (items) => {
    const offsets = range(items).map((lane) => lane * stride * FLOAT_BYTES);
    code.load(value, INPUT, 0, items);
    if (stride === 1) code.load(sum, SCRATCH, 0, items);
    else code.gather(sum, SCRATCH, offsets);
    code.add(sum, sum, value);
    if (stride === 1) code.store(sum, SCRATCH, 0, items);
    else code.scatter(sum, SCRATCH, offsets);
  });
}
