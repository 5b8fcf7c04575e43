/**
 * Makes one number of every row of a matrix, as poolings of whole planes do.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { range } from "../../base/numbers.ts";
import { combineLanes } from "../common/lane_sums.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { foldIn, type FoldKind } from "./fold.ts";
import { foldVectors } from "./row_vectors.ts";
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
  const scale = code.register();
  if (factor !== 1) code.constant(scale, factor);
  const row = length * FLOAT_BYTES;
  code.blocks(rows, lanes, [[INPUT, row], [OUTPUT, FLOAT_BYTES]], (some) => {
    const vectors = range(some).map((i) => {
      const from = code.pointer(INPUT, i * row);
      const make = (offset: number, count: number) => {
        const value = code.register();
        code.load(value, from, offset, count);
        return value;
      };
      return foldVectors(code, { kind, length, pointers: [from], make });
    });
    const made = combineLanes(code, vectors, (total, value) => foldIn(code, kind, total, value));
    if (factor !== 1) code.mul(made, made, scale);
    code.store(made, OUTPUT, 0, some);
  });
  return code.build();
}
