/**
 * Exponentials in proportion to their sum.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { exponential } from "./exponential.ts";
import { eachVector, foldRow } from "./row_vectors.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Elements that add up to 1: those of each row, or of each column of each plane. */
export interface Softmax {
  readonly outer: number;
  readonly count: number;
  /** Elements from one to the next. */
  readonly inner: number;
}

const PARAMETERS = ["input", "output"] as const;
const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** Microseconds of a tile. */
const TILE_COST = 20;

/** How much longer an element takes than it takes to copy it. */
const COPIES = 4;

/** Plans all rows, or all columns. */
export function planSoftmax({ outer, count, inner }: Softmax, target: Target): MapWork {
  const itemCost = count * COPIES / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder("softmax");
  const bytes = count * inner * FLOAT_BYTES;
  const isRow = inner === 1;
  const all = outer * inner * itemCost;
  const columns = isRow ? 1 : evenBlock(inner, outer, all, TILE_COST);
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      outer: {
        count: outer,
        block: isRow ? evenBlock(outer, 1, all, TILE_COST) : 1,
        steps: { input: bytes, output: bytes },
      },
      columns: {
        count: inner,
        block: Math.ceil(columns / target.lanes) * target.lanes,
        steps: { input: FLOAT_BYTES, output: FLOAT_BYTES },
      },
    },
    bases: { input: { buffer: INPUT, offset: 0 }, output: { buffer: OUTPUT, offset: 0 } },
    itemCost,
    write: ({ outer, columns }) =>
      isRow ? rowProgram(outer, count, target) : columnProgram(columns, count, inner, target),
  });
  const length = outer * count * inner;
  return mapWork([length], length, [phase.build()]);
}

function rowProgram(rows: number, length: number, { lanes }: Target): Program {
  const code = new ProgramBuilder(`softmax of ${rows} rows of ${length}`, lanes, PARAMETERS);
  const row = length * FLOAT_BYTES;
  const pointers = [INPUT, OUTPUT];
  code.sweep(rows, [[INPUT, row], [OUTPUT, row]], () => {
    const load = (offset: number, count: number) => {
      const value = code.register();
      code.load(value, INPUT, offset, count);
      return value;
    };
    const most = foldRow(code, { kind: "max", length, pointers: [INPUT], make: load });
    const power = (offset: number, count: number) => {
      const value = load(offset, count);
      code.sub(value, value, most);
      const result = exponential(code, value);
      code.store(result, OUTPUT, offset, count);
      return result;
    };
    const sum = foldRow(code, { kind: "sum", length, pointers, make: power });
    eachVector(code, length, [OUTPUT], (offset, count) => {
      const value = code.register();
      code.load(value, OUTPUT, offset, count);
      code.div(value, value, sum);
      code.store(value, OUTPUT, offset, count);
    });
  });
  return code.build();
}

function columnProgram(columns: number, count: number, inner: number, { lanes }: Target): Program {
  const code = new ProgramBuilder(`softmax of ${columns} columns of ${count}`, lanes, PARAMETERS);
  const step = inner * FLOAT_BYTES;
  const [most, sum, value] = [code.register(), code.register(), code.register()];
  code.blocks(columns, lanes, [[INPUT, FLOAT_BYTES], [OUTPUT, FLOAT_BYTES]], (some) => {
    code.load(most, INPUT, 0, some);
    code.sweep(count, [[INPUT, step]], () => {
      code.load(value, INPUT, 0, some);
      code.max(most, most, value);
    });
    code.zero(sum);
    code.sweep(count, [[INPUT, step], [OUTPUT, step]], () => {
      code.load(value, INPUT, 0, some);
      code.sub(value, value, most);
      const power = exponential(code, value);
      code.add(sum, sum, power);
      code.store(power, OUTPUT, 0, some);
    });
    code.sweep(count, [[OUTPUT, step]], () => {
      code.load(value, OUTPUT, 0, some);
      code.div(value, value, sum);
      code.store(value, OUTPUT, 0, some);
    });
  });
  return code.build();
}
