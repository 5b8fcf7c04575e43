/**
 * Folding: every output is the sum of what was unfolded from its place, one tap after the other, the kernel's last
 * axis first.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { indicesOf } from "../../base/indices.ts";
import { clamp, product, range } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { zeroPhase } from "./zero.ts";
import { coversAxis, type SumRun, sumRuns } from "./runs.ts";

/** Vectors of sums that are taken at once, so that a turn of the loop over the taps is worth it. */
const SUM_VECTORS = 8;

/** Microseconds of a tile. */
const TILE_COST = 20;

const PARAMETERS = ["input", "output"] as const;
const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** Plans the folding of the batch items, each into one channel. */
export function planSums(problem: Problem): PlanBody {
  const { geometry: g, target: { lanes } } = problem;
  const runs = [sumRuns(g, 0), sumRuns(g, 1), sumRuns(g, 2)] as const;
  const isCovered = ([0, 1, 2] as const).every((axis) => coversAxis(g, axis, runs[axis]));
  // All of it may lie in the padding.
  const sums = runs.some((axis) => axis.length === 0) ? [] : [sumPhase(g, runs, lanes)];
  const outputs = g.batch * g.outChannels * product(g.output);
  return {
    family: "unfold",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(problem, {}),
    preparation: [],
    phases: isCovered ? sums : [zeroPhase(BUFFER.output, outputs, lanes), ...sums],
  };
}

/** How an axis lies in memory, in bytes. */
interface AxisSteps {
  /** From an output to the next of its residue. */
  readonly output: Steps;
  /** From an output to the one beside it. */
  readonly residue: number;
  /** From a tap to the one beside it, and to the next that the same output sees. */
  readonly tap: number;
  readonly sum: number;
}

type Steps = Readonly<Record<typeof PARAMETERS[number], number>>;

type Axes<Of> = readonly [depth: Of, height: Of, width: Of];

function axisSteps(g: Geometry, axis: 0 | 1 | 2): AxisSteps {
  const inner = (sizes: readonly number[]) => product(sizes.slice(axis + 1)) * FLOAT_BYTES;
  const [input, output] = [inner(g.input), inner(g.output)];
  const tap = inner(g.kernel) * product(g.input);
  const { kernel, input: down } = tapSteps(g, axis);
  return {
    output: { input, output: g.stride[axis] * output },
    residue: output,
    tap,
    sum: kernel * tap - down * input,
  };
}

/** Columns that a tile computes: some runs, or a part of a long one. */
interface ColumnPart {
  readonly runs: readonly SumRun[];
  /** Outputs of a residue and how many of them a tile takes; 1 and 1 for whole runs. */
  readonly count: number;
  readonly block: number;
}

function sumPhase(
  g: Geometry,
  [depthRuns, rowRuns, columnRuns]: Axes<readonly SumRun[]>,
  lanes: number,
): Phase {
  const steps = [axisSteps(g, 0), axisSteps(g, 1), axisSteps(g, 2)] as const;
  const phase = new PhaseBuilder("fold");
  for (const depth of depthRuns) {
    for (const row of rowRuns) {
      for (const part of columnParts(columnRuns, depth.taps * row.taps)) {
        addSums(phase, g, steps, depth, row, part, lanes);
      }
    }
  }
  return phase.build();
}

/** Runs of one program: compilers take more than twice as long for programs of twice the size. */
const MOST_RUNS = 64;

/** Long runs are cut; the others stay together. */
function columnParts(runs: readonly SumRun[], taps: number): ColumnPart[] {
  const costOf = (run: SumRun) => sumsOf(run) * taps / COPIES_PER_MICROSECOND;
  const isLong = (run: SumRun) => costOf(run) > 2 * TILE_COST;
  const short = runs.filter((run) => !isLong(run));
  const long = runs.filter(isLong).map((run) => {
    const block = evenBlock(run.count, 1, costOf(run), TILE_COST);
    return { runs: [run], count: run.count, block };
  });
  const groups = range(Math.ceil(short.length / MOST_RUNS)).map((group) =>
    short.slice(group * MOST_RUNS, (group + 1) * MOST_RUNS)
  );
  return [...long, ...groups.map((runs) => ({ runs, count: 1, block: 1 }))];
}

/** What a run adds up. */
function sumsOf({ residues, count, taps }: SumRun): number {
  return residues * count * taps;
}

function addSums(
  phase: PhaseBuilder,
  g: Geometry,
  steps: Axes<AxisSteps>,
  depth: SumRun,
  row: SumRun,
  { runs, count, block }: ColumnPart,
  lanes: number,
): void {
  const [depthSteps, rowSteps, columnSteps] = steps;
  const taps = depth.taps * row.taps;
  const sums = runs.reduce((sum, run) => sum + sumsOf(run), 0) * taps / count;
  const itemCost = sums / COPIES_PER_MICROSECOND;
  const most = Math.floor(TILE_COST / (itemCost * block));
  const rows = clamp(most, 1, row.count);
  const items = clamp(Math.floor(most / rows), 1, g.batch);
  const item = {
    input: g.inChannels * product(g.input) * FLOAT_BYTES,
    output: g.outChannels * product(g.output) * FLOAT_BYTES,
  };
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      items: { count: g.batch, block: items, steps: item },
      depthResidues: { count: depth.residues, steps: residueSteps(depth, depthSteps) },
      depth: { count: depth.count, steps: depthSteps.output },
      rowResidues: { count: row.residues, steps: residueSteps(row, rowSteps) },
      rows: { count: row.count, block: rows, steps: rowSteps.output },
      columns: { count, block, steps: columnSteps.output },
    },
    bases: {
      input: {
        buffer: BUFFER.input,
        offset: sourceOf(depth, depthSteps) + sourceOf(row, rowSteps),
      },
      output: {
        buffer: BUFFER.output,
        offset: depth.start * depthSteps.residue + row.start * rowSteps.residue,
      },
    },
    itemCost,
    write: ({ items, rows, columns }) => {
      const name = `fold ${items}x${rows}, ${depth.taps}x${row.taps} taps`;
      const code = new ProgramBuilder(name, lanes, PARAMETERS);
      const turns = [[depth.taps, depthSteps.sum], [row.taps, rowSteps.sum]] as const;
      code.sweep(items, moving(INPUT, OUTPUT, item), () => {
        code.sweep(rows, moving(INPUT, OUTPUT, rowSteps.output), () => {
          for (const run of runs) {
            const part = count === 1 ? run : { ...run, count: columns };
            writeRun(code, part, columnSteps, turns);
          }
        });
      });
      return code.build();
    },
    key: [depth.taps, row.taps, count, JSON.stringify(runs)].join(),
  });
}

function residueSteps({ residueTaps }: SumRun, { tap, residue }: AxisSteps): Steps {
  return { input: residueTaps * tap, output: residue };
}

/** Where the first output of a run finds what its first tap saw. */
function sourceOf({ firstTap, input }: SumRun, { tap, output }: AxisSteps): number {
  return firstTap * tap + input * output.input;
}

function moving(from: Pointer, to: Pointer, steps: Steps) {
  return [[from, steps.input], [to, steps.output]] as const;
}

/** Taps of an outer axis: how many, and bytes from one to the next. */
type Turns = readonly (readonly [count: number, bytes: number])[];

function writeRun(code: ProgramBuilder, run: SumRun, steps: AxisSteps, outer: Turns): void {
  const from = code.pointer(INPUT, sourceOf(run, steps));
  const to = code.pointer(OUTPUT, run.start * steps.residue);
  const turns = [...outer, [run.taps, steps.sum] as const];
  code.sweep(run.residues, moving(from, to, residueSteps(run, steps)), () => {
    code.blocks(
      run.count,
      SUM_VECTORS * code.lanes,
      moving(from, to, steps.output),
      (outputs) => writeSums(code, { from, to, outputs, pitch: steps.output.output }, turns),
    );
  });
}

/** Some outputs of a row: where they are, how many, and bytes from one to the next. */
interface Outputs {
  readonly from: Pointer;
  readonly to: Pointer;
  readonly outputs: number;
  readonly pitch: number;
}

function writeSums(
  code: ProgramBuilder,
  { from, to, outputs, pitch }: Outputs,
  turns: Turns,
): void {
  const { lanes } = code;
  const value: Register = code.register();
  const sums = code.registers(Math.ceil(outputs / lanes));
  const inVector = (vector: number) => Math.min(lanes, outputs - vector * lanes);
  for (const sum of sums) code.zero(sum);
  const add = ([first, ...others]: Turns): void => {
    if (first !== undefined) {
      return code.sweep(first[0], [[from, first[1]]], () => add(others));
    }
    sums.forEach((sum, vector) => {
      code.load(value, from, vector * lanes * FLOAT_BYTES, inVector(vector));
      code.add(sum, sum, value);
    });
  };
  add(turns);
  sums.forEach((sum, vector) => {
    const offsets = range(inVector(vector)).map((lane) => (vector * lanes + lane) * pitch);
    if (pitch === FLOAT_BYTES) code.store(sum, to, offsets[0], offsets.length);
    else code.scatter(sum, to, offsets);
  });
}
