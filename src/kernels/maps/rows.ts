/**
 * Makes one number of every row of a matrix, as poolings of whole planes do.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { range } from "../../base/numbers.ts";
import { combineLanes } from "../common/lane_sums.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { firstLanes, foldIn, type FoldKind, NEUTRAL } from "./fold.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Rows, and what is made of them. */
export interface RowFold {
  readonly rows: number;
  /** Elements of each. */
  readonly length: number;
  readonly kind: FoldKind;
  /** What the result is multiplied by. */
  readonly factor: number;
}

const PARAMETERS = ["input", "output"] as const;
const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Vectors of a row that are taken together: enough to hide how long each waits for the one before. */
const VECTORS = 4;

/** Plans the numbers of all rows. */
export function planRowFold(fold: RowFold, target: Target): MapWork {
  const { rows, length } = fold;
  const itemCost = length / COPIES_PER_MICROSECOND;
  const block = evenBlock(rows, 1, rows * itemCost, TILE_COST);
  const phase = new PhaseBuilder(`${fold.kind} of rows`);
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      rows: {
        count: rows,
        block: Math.ceil(block / target.lanes) * target.lanes,
        steps: { input: length * FLOAT_BYTES, output: FLOAT_BYTES },
      },
    },
    bases: { input: { buffer: INPUT, offset: 0 }, output: { buffer: OUTPUT, offset: 0 } },
    itemCost,
    write: ({ rows }) => foldProgram(fold, rows, target),
  });
  return mapWork([rows * length], rows, [phase.build()]);
}

function foldProgram({ length, kind, factor }: RowFold, rows: number, { lanes }: Target): Program {
  const code = new ProgramBuilder(`${kind} of ${rows} rows of ${length}`, lanes, PARAMETERS);
  const neutral = code.register();
  code.constant(neutral, NEUTRAL[kind]);
  const scale = code.register();
  if (factor !== 1) code.constant(scale, factor);
  const row = length * FLOAT_BYTES;
  code.blocks(rows, lanes, [[INPUT, row], [OUTPUT, FLOAT_BYTES]], (some) => {
    const vectors = range(some).map((i) => rowVector(code, kind, length, i * row, neutral));
    const made = combineLanes(code, vectors, (total, value) => foldIn(code, kind, total, value));
    if (factor !== 1) code.mul(made, made, scale);
    code.store(made, OUTPUT, 0, some);
  });
  return code.build();
}

/** A vector of what is made of every `lanes`-th element of a row. */
function rowVector(
  code: ProgramBuilder,
  kind: FoldKind,
  length: number,
  offset: number,
  neutral: Register,
): Register {
  const vector = code.lanes * FLOAT_BYTES;
  const totals = code.registers(Math.min(VECTORS, Math.ceil(length / code.lanes)));
  for (const total of totals) code.copy(total, neutral);
  const value = code.register();
  const from = code.pointer(INPUT, offset);
  const take = (i: number, count: number) => {
    code.load(value, from, i * vector, count);
    firstLanes(code, value, count, neutral);
    foldIn(code, kind, totals[i] ?? 0, value);
  };
  const turn = VECTORS * code.lanes;
  code.loop(Math.floor(length / turn), () => {
    for (const i of range(VECTORS)) take(i, code.lanes);
    code.advance(from, VECTORS * vector);
  });
  const rest = length % turn;
  for (const i of range(Math.ceil(rest / code.lanes))) {
    take(i, Math.min(code.lanes, rest - i * code.lanes));
  }
  const [total = neutral, ...others] = totals;
  for (const other of others) foldIn(code, kind, total, other);
  return total;
}
