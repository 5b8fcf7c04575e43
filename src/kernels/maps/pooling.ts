/**
 * Poolings: of every window of a plane the largest element, or the mean.
 *
 * A row of outputs is made in two steps: the rows of its windows become one, with what lies outside of the input in
 * place, and of that what each window's columns are.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { type ColumnBlock, columnBlocks } from "./columns.ts";
import { foldIn, type FoldKind, NEUTRAL } from "./fold.ts";
import { planRowFold } from "./rows.ts";
import { loadStrided } from "./strided.ts";
import { tileBlocks } from "./tiles.ts";
import { windowAt, type WindowAxis, type WindowRun, windowRuns } from "./windows.ts";
import { type MapWork, mapWork } from "./work.ts";

/** The mean is that of the elements, or of the padding, too. */
export type PoolKind = "max" | "mean" | "mean with padding";

/** Windows over planes. */
export interface Pooling {
  /** Of all channels of all items. */
  readonly planes: number;
  readonly axes: readonly [depth: WindowAxis, height: WindowAxis, width: WindowAxis];
  readonly kind: PoolKind;
}

const BUFFERS = ["input", "output", "scratch", "factors"] as const;
const BUFFER = indicesOf(BUFFERS);
const { input: INPUT, output: OUTPUT, scratch: SCRATCH, factors: FACTORS } = BUFFER;

const CACHE_LINE_BYTES = 64;

/** Vectors that one turn of a loop makes. */
const VECTORS = 4;

/** Columns of a window that are written out without a loop. */
const MOST_UNROLLED = 16;

/** Plans a pooling; `null` where a window sees nothing of the input. */
export function planPooling(pooling: Pooling, target: Target): MapWork | null {
  const { planes, axes, kind } = pooling;
  if (axes.every(isWhole)) {
    const length = product(axes.map(({ size }) => size));
    const fold = kind === "max" ? "max" : "sum";
    const factor = kind === "max" ? 1 : 1 / length;
    return planRowFold({ rows: planes, length, kind: fold, factor }, target);
  }
  const runs = axes.map(windowRuns);
  if (runs.some((along) => along.some(({ count }) => count === 0))) return null;
  return planWindows(pooling, target);
}

/** Whether the only window is all there is. */
function isWhole({ size, outputs, taps, dilation, padding }: WindowAxis): boolean {
  const isDense = taps === 1 || dilation === 1;
  return outputs === 1 && isDense && taps === size && padding.every((some) => some === 0);
}

function planWindows({ planes, axes, kind }: Pooling, target: Target): MapWork {
  const [depths, heights, width] = axes;
  const rowBytes = width.size * FLOAT_BYTES;
  const planeBytes = heights.size * rowBytes;
  const outRow = width.outputs * FLOAT_BYTES;
  const outPlane = heights.outputs * outRow;
  const factors = columnFactors(width, kind);
  const blocks = columnBlocks(width);
  const scratch = Math.max(...blocks.map(({ length }) => length)) * FLOAT_BYTES;
  const scratchBytes = Math.ceil(scratch / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  const phase = new PhaseBuilder("pooling");
  for (const depth of windowRuns(depths)) {
    for (const rows of windowRuns(heights)) {
      for (const columns of blocks) {
        const tile: Tile = {
          kind: kind === "max" ? "max" : "sum",
          depth,
          rows,
          columns,
          width,
          planeBytes,
          factor: kind === "max" ? 1 : 1 / (counted(depth, kind) * counted(rows, kind)),
          hasFactors: factors !== null,
        };
        const itemCost = rowCost(tile);
        const steps: TileSteps = {
          planes: { input: depths.size * planeBytes, output: depths.outputs * outPlane },
          depth: { input: depth.apart * planeBytes, output: outPlane },
          rows: { input: rows.apart * rowBytes, output: outRow },
          columns: {
            input: columns.apart * FLOAT_BYTES,
            output: columns.outputs * FLOAT_BYTES,
            factors: columns.outputs * FLOAT_BYTES,
          },
        };
        const counts = {
          planes,
          depth: depth.outputs,
          rows: rows.outputs,
          columns: columns.blocks,
        };
        const sizes = blocksOf(counts, itemCost);
        phase.addBox({
          parameters: BUFFERS,
          axes: {
            planes: { count: planes, block: sizes.planes, steps: steps.planes },
            depth: { count: counts.depth, block: sizes.depth, steps: steps.depth },
            rows: { count: counts.rows, block: sizes.rows, steps: steps.rows },
            columns: { count: counts.columns, block: sizes.columns, steps: steps.columns },
          },
          bases: {
            input: {
              buffer: INPUT,
              offset: depth.first * planeBytes + rows.first * rowBytes +
                columns.first * FLOAT_BYTES,
            },
            output: {
              buffer: OUTPUT,
              offset: depth.start * outPlane + rows.start * outRow + columns.start * FLOAT_BYTES,
            },
            scratch: { buffer: SCRATCH, offset: 0, threadStep: scratchBytes },
            factors: {
              buffer: FACTORS,
              offset: factors === null ? 0 : columns.start * FLOAT_BYTES,
            },
          },
          itemCost,
          write: (some) => tileProgram(tile, steps, some, target),
        });
      }
    }
  }
  const inputs = planes * product(axes.map(({ size }) => size));
  const outputs = planes * product(axes.map(({ outputs }) => outputs));
  return mapWork([inputs], outputs, [phase.build()], [
    { name: "scratch", bytes: scratchBytes, perThread: true },
    {
      name: "factors",
      bytes: (factors?.length ?? 0) * FLOAT_BYTES,
      ...(factors === null ? {} : { numbers: factors }),
    },
  ]);
}

/** What a mean is divided by, along an axis. */
function counted({ count, covered }: WindowRun, kind: PoolKind): number {
  return kind === "mean with padding" ? covered : count;
}

/** What the sums of each column are multiplied by, if they are not all the same. */
function columnFactors(axis: WindowAxis, kind: PoolKind): Float32Array | null {
  if (kind === "max") return null;
  const counts = range(axis.outputs).map((output) => {
    const { count, covered } = windowAt(axis, output);
    return kind === "mean" ? count : covered;
  });
  if (counts.every((count) => count === axis.taps)) return null;
  return Float32Array.from(counts, (count) => 1 / count);
}

/** What the programs of some rows have in common. */
interface Tile {
  readonly kind: FoldKind;
  readonly depth: WindowRun;
  readonly rows: WindowRun;
  readonly columns: ColumnBlock;
  readonly width: WindowAxis;
  readonly planeBytes: number;
  /** What sums are multiplied by, besides the factors of their columns. */
  readonly factor: number;
  readonly hasFactors: boolean;
}

const AXES = ["planes", "depth", "rows", "columns"] as const;
type Axis = typeof AXES[number];

type TileSteps = Readonly<
  Record<Axis, Readonly<Partial<Record<typeof BUFFERS[number], number>>>>
>;

/** About how many microseconds a row takes. */
function rowCost({ depth, rows, columns, width }: Tile): number {
  const { length, outputs } = columns;
  return (length * depth.count * rows.count + outputs * width.taps) / COPIES_PER_MICROSECOND;
}

/** What a tile takes. */
function blocksOf(
  counts: Readonly<Record<Axis, number>>,
  itemCost: number,
): Record<Axis, number> {
  const blocks = tileBlocks(AXES.map((axis) => counts[axis]), itemCost);
  const [planes = 1, depth = 1, rows = 1, columns = 1] = blocks;
  return { planes, depth, rows, columns };
}

function tileProgram(
  tile: Tile,
  steps: TileSteps,
  counts: Readonly<Record<Axis, number>>,
  { lanes }: Target,
): Program {
  const { kind, columns } = tile;
  const name = `pooling ${kind} ${AXES.map((axis) => counts[axis]).join("x")}x${columns.outputs}`;
  const code = new ProgramBuilder(name, lanes, BUFFERS);
  const neutral = code.register();
  code.constant(neutral, NEUTRAL[kind]);
  fill(code, neutral, 0, columns.before);
  fill(code, neutral, columns.before + columns.inputs, columns.after);
  const write = ([axis, ...others]: readonly Axis[]): void => {
    if (axis === undefined) {
      foldRows(code, tile, neutral);
      return foldColumns(code, tile);
    }
    const moves = BUFFERS.map((buffer, ptr) => [ptr, steps[axis][buffer] ?? 0] as const);
    code.sweep(counts[axis], moves, () => write(others));
  };
  write(AXES);
  return code.build();
}

/** Fills a part of the scratch row. */
function fill(code: ProgramBuilder, value: Register, start: number, count: number): void {
  const vector = code.lanes * FLOAT_BYTES;
  for (const i of range(Math.ceil(count / code.lanes))) {
    const some = Math.min(code.lanes, count - i * code.lanes);
    code.store(value, SCRATCH, start * FLOAT_BYTES + i * vector, some);
  }
}

/** Makes one row of those of a window. */
function foldRows(code: ProgramBuilder, tile: Tile, neutral: Register): void {
  const { kind, depth, rows, columns, width, planeBytes } = tile;
  const { lanes } = code;
  const vector = lanes * FLOAT_BYTES;
  const totals = code.registers(VECTORS);
  const value = code.register();
  const rowStep = rows.step * width.size * FLOAT_BYTES;
  const to = columns.before * FLOAT_BYTES;
  /** As many vectors of some lanes. */
  const take = (vectors: number, count: number) => {
    const taken = totals.slice(0, vectors);
    for (const total of taken) code.copy(total, neutral);
    code.sweep(depth.count, [[INPUT, depth.step * planeBytes]], () => {
      code.sweep(rows.count, [[INPUT, rowStep]], () => {
        for (const [i, total] of taken.entries()) {
          code.load(value, INPUT, i * vector, count);
          foldIn(code, kind, total, value);
        }
      });
    });
    for (const [i, total] of taken.entries()) code.store(total, SCRATCH, to + i * vector, count);
  };
  const whole = Math.floor(columns.inputs / lanes);
  const steps = [[INPUT, vector], [SCRATCH, vector]] as const;
  code.blocks(whole, VECTORS, steps, (vectors) => take(vectors, lanes));
  const rest = columns.inputs % lanes;
  if (rest > 0) code.displaced(steps, whole, () => take(1, rest));
}

/** Makes of the scratch row what the windows' columns are. */
function foldColumns(code: ProgramBuilder, tile: Tile): void {
  const { kind, columns: { outputs }, width: { taps, stride, dilation }, factor } = tile;
  const { lanes } = code;
  const vector = lanes * FLOAT_BYTES;
  const [total, value, scale] = code.registers(3);
  if (total === undefined || value === undefined || scale === undefined) return;
  const tap = dilation * FLOAT_BYTES;
  const uniform = tile.hasFactors ? factor : factor / (kind === "max" ? 1 : taps);
  const take = (count: number) => {
    loadStrided(code, total, SCRATCH, 0, stride, count);
    const next = (offset: number) => {
      loadStrided(code, value, SCRATCH, offset, stride, count);
      foldIn(code, kind, total, value);
    };
    if (taps <= MOST_UNROLLED) { for (const i of range(taps).slice(1)) next(i * tap); }
    else code.sweep(taps - 1, [[SCRATCH, tap]], () => next(tap));
    if (tile.hasFactors) {
      code.load(scale, FACTORS, 0, count);
      code.mul(total, total, scale);
    }
    if (uniform !== 1) {
      code.constant(scale, uniform);
      code.mul(total, total, scale);
    }
    code.store(total, OUTPUT, 0, count);
  };
  const whole = Math.floor(outputs / lanes);
  const steps = [
    [SCRATCH, vector * stride],
    [OUTPUT, vector],
    ...(tile.hasFactors ? [[FACTORS, vector] as const] : []),
  ] as const;
  code.sweep(whole, steps, () => take(lanes));
  const rest = outputs % lanes;
  if (rest > 0) code.displaced(steps, whole, () => take(rest));
}
