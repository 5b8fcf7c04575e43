/**
 * Rows by their mean and variance: what is left has mean 0 and variance 1, and is scaled and shifted then.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { eachVector, foldRow } from "./row_vectors.ts";
import { tileBlocks } from "./tiles.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Rows in groups: those at the same place of each group have the same scale and shift, or all have the same vectors. */
export interface Normalization {
  readonly groups: number;
  readonly rows: number;
  readonly length: number;
  readonly epsilon: number;
  /** A number for each row of a group, or for each element of a row. */
  readonly scale: Float32Array;
  readonly shift: Float32Array;
  readonly per: "row" | "element";
}

const BUFFERS = ["input", "output", "scale", "shift"] as const;
const { input: INPUT, output: OUTPUT, scale: SCALE, shift: SHIFT } = indicesOf(BUFFERS);

/** How much longer an element takes than it takes to copy it. */
const COPIES = 2;

/** Plans the normalization of all rows. */
export function planNormalization(normalization: Normalization, target: Target): MapWork {
  const { groups, rows, length, scale, shift, per } = normalization;
  const itemCost = COPIES * length / COPIES_PER_MICROSECOND;
  const [group = 1, row = 1] = tileBlocks([groups, rows], itemCost);
  const bytes = length * FLOAT_BYTES;
  const own = per === "row" ? FLOAT_BYTES : 0;
  const moves = { input: bytes, output: bytes, scale: own, shift: own };
  const phase = new PhaseBuilder("normalization");
  phase.addBox({
    parameters: BUFFERS,
    axes: {
      groups: { count: groups, block: group, steps: { input: rows * bytes, output: rows * bytes } },
      rows: { count: rows, block: row, steps: moves },
    },
    bases: {
      input: { buffer: INPUT, offset: 0 },
      output: { buffer: OUTPUT, offset: 0 },
      scale: { buffer: SCALE, offset: 0 },
      shift: { buffer: SHIFT, offset: 0 },
    },
    itemCost,
    write: (counts) => normalizationProgram(normalization, counts, target),
  });
  const all = groups * rows * length;
  return mapWork([all], all, [phase.build()], [
    { name: "scale", bytes: scale.byteLength, numbers: scale },
    { name: "shift", bytes: shift.byteLength, numbers: shift },
  ]);
}

function normalizationProgram(
  { rows, length, epsilon, per }: Normalization,
  counts: { readonly groups: number; readonly rows: number },
  { lanes }: Target,
): Program {
  const name = `normalization of ${counts.groups}x${counts.rows} rows of ${length}`;
  const code = new ProgramBuilder(name, lanes, BUFFERS);
  const bytes = length * FLOAT_BYTES;
  const steps = [[INPUT, bytes], [OUTPUT, bytes]] as const;
  const own = [[SCALE, FLOAT_BYTES], [SHIFT, FLOAT_BYTES]] as const;
  code.sweep(counts.groups, steps.map(([ptr, bytes]) => [ptr, rows * bytes] as const), () => {
    code.sweep(counts.rows, per === "row" ? [...steps, ...own] : steps, () => {
      const moments = momentsOf(code, length, epsilon);
      if (per === "row") writeRow(code, length, moments);
      else writeElements(code, length, moments);
    });
  });
  return code.build();
}

/** Of a row. */
interface Moments {
  /** Loads a vector and takes the mean away. */
  readonly centred: (offset: number, count: number) => Register;
  /** One by the standard deviation. */
  readonly factor: Register;
}

function momentsOf(code: ProgramBuilder, length: number, epsilon: number): Moments {
  const [share, small, one] = [code.register(), code.register(), code.register()];
  const load = (offset: number, count: number) => {
    const value = code.register();
    code.load(value, INPUT, offset, count);
    return value;
  };
  const folding = { kind: "sum", length, pointers: [INPUT] } as const;
  const mean = foldRow(code, { ...folding, make: load });
  code.constant(share, 1 / length);
  code.mul(mean, mean, share);
  const near = (offset: number, count: number) => {
    const value = load(offset, count);
    code.sub(value, value, mean);
    return value;
  };
  // A sum of float32 numbers is off by more than their deviation may be: the mean is in two parts.
  const rest = foldRow(code, { ...folding, make: near });
  code.mul(rest, rest, share);
  const centred = (offset: number, count: number) => {
    const value = near(offset, count);
    code.sub(value, value, rest);
    return value;
  };
  const square = (offset: number, count: number) => {
    const value = centred(offset, count);
    code.mul(value, value, value);
    return value;
  };
  const factor = foldRow(code, { ...folding, make: square });
  code.constant(small, epsilon);
  code.mul(factor, factor, share);
  code.add(factor, factor, small);
  code.sqrt(factor, factor);
  code.constant(one, 1);
  code.div(factor, one, factor);
  return { centred, factor };
}

/** Scales and shifts a row by one number each. */
function writeRow(code: ProgramBuilder, length: number, { centred, factor }: Moments): void {
  const [scale, shift] = [code.register(), code.register()];
  code.broadcast(scale, SCALE);
  code.broadcast(shift, SHIFT);
  code.mul(factor, factor, scale);
  eachVector(code, length, [INPUT, OUTPUT], (offset, count) => {
    const result = code.register();
    code.copy(result, shift);
    code.fma(result, centred(offset, count), factor);
    code.store(result, OUTPUT, offset, count);
  });
}

/** Scales and shifts each element of a row by numbers of its own. */
function writeElements(code: ProgramBuilder, length: number, { centred, factor }: Moments): void {
  const scale = code.register();
  eachVector(code, length, [INPUT, OUTPUT, SCALE, SHIFT], (offset, count) => {
    const [value, result] = [centred(offset, count), code.register()];
    code.load(scale, SCALE, offset, count);
    code.load(result, SHIFT, offset, count);
    code.mul(value, value, factor);
    code.fma(result, value, scale);
    code.store(result, OUTPUT, offset, count);
  });
}
