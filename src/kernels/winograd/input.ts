/**
 * The transform of the input, a vector of tiles of a row at a time.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import { deinterleave } from "../common/interleave.ts";
import { range } from "../../base/numbers.ts";
import { loadPositions } from "../common/positions.ts";
import { listSources } from "../../convolution/sources.ts";
import { cut, type TileSpan } from "../common/spans.ts";
import type { WinogradBlock, WinogradShape } from "./shape.ts";
import { isStaged, RegisterStage, ScratchStage } from "./stage.ts";
import {
  type AxisTransform,
  commonFactor,
  commonIndex,
  constantsOf,
  inputConstants,
  setConstant,
  transformInput,
} from "./transform.ts";
import { forEachSpan, inputWalk, tileWalk } from "../common/walk.ts";

/** Whether {@linkcode writeInputTransform} needs a stage in memory: a vector for every position. */
export function isInputStaged({ target, positions, height, width }: WinogradShape): boolean {
  return isStaged(target, positions, [height, width].flatMap(inputConstants));
}

/** Where the operands are. */
export interface InputPointers {
  readonly input: Pointer;
  readonly transformed: Pointer;
  /** Not used where {@linkcode isInputStaged} says no. */
  readonly stage: Pointer;
}

/** Writes the transform of some input channels of a block. The pointers are left as they were. */
export function writeInputTransform(
  code: ProgramBuilder,
  shape: WinogradShape,
  { rows, columns }: WinogradBlock,
  channels: number,
  { input: from, transformed: to, stage: memory }: InputPointers,
): void {
  const { height, width, target } = shape;
  const constants = constantsOf(code, target, [height, width].flatMap(inputConstants));
  const zero = code.register();
  code.zero(zero);
  const steps = [
    [from, shape.input.channelPitch],
    [to, shape.transformed.channelPitch],
  ] as const;
  const down = [
    inputWalk(from, shape.input.rowPitch),
    tileWalk(to, columns.tiles * FLOAT_BYTES),
  ];
  const rowRuns = cut(rows, height, 1);
  const columnRuns = cut(columns, width, target.lanes);
  const factor = commonFactor(height) * commonFactor(width);
  const stage = isInputStaged(shape)
    ? new ScratchStage(code, memory, width.inputs)
    : new RegisterStage();
  code.sweep(channels, steps, () => {
    forEachSpan(code, rowRuns, down, (row, [rowFrom = from, rowTo = to]) => {
      const along = [inputWalk(rowFrom, FLOAT_BYTES), tileWalk(rowTo, FLOAT_BYTES)];
      const rowSources = seenSources(row, height);
      const isWhole = !rowSources.includes(null);
      forEachSpan(code, columnRuns, along, (column, [tileFrom = from, tileTo = to]) => {
        const columnSources = seenSources(column, width);
        const common = new Common(isWhole);
        for (const { start, source, count, step } of evenRuns(rowSources)) {
          const steps = [[tileFrom, step * shape.input.rowPitch]] as const;
          stage.overRows(start, count, steps, (i) => {
            const offset = (source + (i - start) * step) * shape.input.rowPitch;
            const windows = loadWindows(code, width, columnSources, tileFrom, offset, zero);
            transformInput(code, constants, width, windows, common.of(windows))
              .forEach((value, j) => stage.put(i, j, value));
          });
        }
        const { positionPitch } = shape.transformed;
        const shared = { column: commonIndex(width), row: commonIndex(height) };
        const writeColumn = (j: number) => {
          const values = rowSources.map((source, i) => source === null ? zero : stage.get(i, j));
          const own = width.inputs === 1 ? common.of(values) : null;
          transformInput(code, constants, height, values, own).forEach((value, i) => {
            const position = i * width.inputs + j;
            const whole = i === shared.row && j === shared.column
              ? common.added(code, value, factor)
              : value;
            code.store(whole, tileTo, position * positionPitch, column.tiles);
          });
        };
        for (const { first, count } of aroundColumn(shared.column, width.inputs)) {
          stage.overColumns(first, count, [[tileTo, positionPitch]], writeColumn);
        }
      });
    });
  });
}

/** What the inputs of each of some tiles have in common: one of them, if none of a tile's rows is padding. */
class Common {
  readonly #isWanted: boolean;
  #register: Register | null = null;

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
  }

  /** What there is by now; else one of these inputs, unless the axis is that of a single one. */
  of(inputs: readonly Register[]): Register | null {
    if (this.#isWanted) this.#register ??= inputs[1] ?? null;
    return this.#register;
  }

  /** A value and so many times what the inputs have in common. */
  added(code: ProgramBuilder, value: Register, factor: number): Register {
    if (this.#register === null) return value;
    const result = code.register();
    code.copy(result, value);
    code.fma(result, this.#register, setConstant(code, factor));
    return result;
  }
}

/** The columns before one, that one by itself, and those behind it. */
function aroundColumn(column: number, columns: number) {
  return [
    { first: 0, count: column },
    { first: column, count: 1 },
    { first: column + 1, count: columns - column - 1 },
  ].filter(({ count }) => count > 0);
}

/**
 * Where the inputs of some tiles come from. Those that no output sees are as the last that one does: zeros
 * would differ from the others by more than these do from each other.
 */
function seenSources({ sources, outputs }: TileSpan, { taps }: AxisTransform): (number | null)[] {
  const seen = outputs + taps - 1;
  const listed = listSources(sources);
  const last = listed[seen - 1] ?? null;
  return listed.map((source, i) => i < seen ? source : last);
}

/** Positions side by side whose sources are evenly spaced. */
interface EvenRun {
  readonly start: number;
  readonly count: number;
  readonly source: number;
  /** From one source to the next, 0 or more. */
  readonly step: number;
}

/**
 * Cuts sources into the first one, from which comes what all have in common, and as long runs as possible;
 * what is zero is in none.
 */
function evenRuns(sources: readonly (number | null)[]): EvenRun[] {
  const runs: EvenRun[] = [];
  sources.forEach((source, start) => {
    if (source === null) return;
    const last = runs.length > 1 ? runs.at(-1) : undefined;
    if (last !== undefined && last.start + last.count === start) {
      const step = source - (last.source + (last.count - 1) * last.step);
      if (step >= 0 && (last.count === 1 || step === last.step)) {
        runs[runs.length - 1] = { ...last, count: last.count + 1, step };
        return;
      }
    }
    runs.push({ start, count: 1, source, step: 0 });
  });
  return runs;
}

/** The inputs of a vector of tiles along a row: lane `t` of vector `j` is position `m t + j`. */
function loadWindows(
  code: ProgramBuilder,
  { outputs, inputs }: AxisTransform,
  sources: readonly (number | null)[],
  ptr: Pointer,
  offset: number,
  zero: Register,
): Register[] {
  const { lanes } = code;
  const run = (index: number, count: number): Register => {
    const positions = sources.slice(index, index + count);
    return loadPositions(code, positions, sources, ptr, offset, zero);
  };
  const whole = Array.from({ length: outputs }, (_, i) => run(i * lanes, lanes));
  const windows = deinterleave(code, whole);
  // A tile's last inputs are the first ones of the tile behind it.
  const behind = run(outputs * lanes, inputs - outputs);
  const next = Array.from({ length: lanes }, (_, i) => i + 1);
  for (const i of range(inputs - outputs)) {
    const window = windows[i] ?? zero;
    const last = i === 0 ? behind : code.register();
    if (i > 0) code.lane(last, behind, i);
    const shifted = code.register();
    code.shuffle(shifted, window, last, next);
    windows.push(shifted);
  }
  return windows;
}
