/**
 * Depthwise convolution of an input that lies as it is.
 *
 * There is no sum over channels: packing the input would take as long as the convolution. So padding is
 * part of the programs, which know for each vector of input positions at an edge what comes from where,
 * and columns of a stride of 2 are sorted in registers. A register tile is some output rows by a vector
 * of pixels, or some vectors of a single row: an input vector is loaded once for all the outputs that
 * see it. Unaligned vectors of 16 lanes lie in two cache lines each, so it is the loads that count: of
 * a 3x3 kernel, eight rows of outputs share ten rows of inputs.
 *
 * The weights of all taps stay in registers where they fit (for WebAssembly, those of a few taps on the
 * stack, which is read without a check); where they do not, the taps are taken in classes that share input
 * vectors: a column of the kernel, for one. With the weights of 49 taps on the stack, a multiply-add was a
 * load each, and 7x7 took 960 microseconds, k31 427, 5x5 132 to 140 where it takes 720, 325, 100 now (on
 * another processor than below).
 *
 * Median microseconds of one thread, of the packing and the convolution of a packed input against this:
 *
 * | layer | WebAssembly | AVX-512 |
 * | --- | --- | --- |
 * | 3x3 512 @14 | 50 + 120, 110 | 39 + 45, 35 |
 * | 3x3 32 @112 | 240 + 450, 400 | 213 + 241, 278 |
 * | 3x3 stride 2 64 @112 | 520 + 470, 550 | 390 + 231, 318 |
 * | 7x7 96 @56 | 330 + 1870, 2160 | 146 + 553, 482 |
 * | k31 256 @1000 | 160 + 920, 880 | 99 + 360, 256 |
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";
import { writeOutput } from "../common/store.ts";
import { indicesOf } from "../../base/indices.ts";
import { range } from "../../base/numbers.ts";
import { loadPositions } from "../common/positions.ts";
import { listSources } from "../../convolution/sources.ts";
import { type AxisWindow, cut, type TileSpan } from "../common/spans.ts";
import { tuned } from "../common/tuning.ts";
import { forEachSpan, inputWalk, tileWalk } from "../common/walk.ts";

/** An axis of the kernel. */
export interface KernelAxis {
  readonly taps: number;
  readonly dilation: number;
  readonly stride: number;
}

/** What the programs of a convolution share. Pitches are in bytes. */
export interface DepthwiseShape {
  readonly target: Target;
  readonly height: KernelAxis;
  readonly width: KernelAxis;
  /** Output channels of an input channel. */
  readonly multiplier: number;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly input: { readonly channelPitch: number; readonly rowPitch: number };
  readonly output: { readonly channelPitch: number; readonly rowPitch: number };
}

/** The pointer parameters of {@linkcode depthwiseRowsProgram}, in order. */
export const DEPTHWISE_PARAMETERS = ["input", "weight", "bias", "output", "add"] as const;

const { input: INPUT, weight: WEIGHT, bias: BIAS, output: OUTPUT, add: ADD } = indicesOf(
  DEPTHWISE_PARAMETERS,
);

/** What an output sees along an axis. */
export function axisWindow({ taps, dilation, stride }: KernelAxis): AxisWindow {
  return { outputs: 1, inputs: (taps - 1) * dilation + 1, stride };
}

/** Some channels of a block of outputs. */
export function depthwiseRowsProgram(
  shape: DepthwiseShape,
  { rows, columns }: { readonly rows: TileSpan; readonly columns: TileSpan },
  channels: number,
): Program {
  const { target, height, width, multiplier, input, output } = shape;
  const code = new ProgramBuilder(
    `depthwise ${channels}x${multiplier}oc x ${rows.tiles}x${columns.tiles}px, ` +
      `${height.taps}x${width.taps} taps`,
    target.lanes,
    DEPTHWISE_PARAMETERS,
  );
  const mostSums = tuned(target, "depthwiseSums");
  const rowBlock = Math.ceil(rows.tiles / Math.ceil(rows.tiles / mostSums));
  const vectors = Math.max(1, Math.floor(mostSums / rowBlock));
  const rowRuns = cut(rows, axisWindow(height), rowBlock);
  const columnRuns = cut(columns, axisWindow(width), vectors * target.lanes);
  const results = shape.epilogue.add ? [OUTPUT, ADD] : [OUTPUT];
  const down = [
    inputWalk(INPUT, input.rowPitch),
    ...results.map((ptr) => tileWalk(ptr, output.rowPitch)),
  ];
  const steps: Steps = [
    [WEIGHT, height.taps * width.taps * FLOAT_BYTES],
    [BIAS, FLOAT_BYTES],
    ...results.map((ptr) => [ptr, output.channelPitch] as const),
  ];
  const zero = code.register();
  code.zero(zero);
  const writeChannel = () => {
    const channel = beginChannel(code, shape, zero);
    forEachSpan(code, rowRuns, down, (row, [rowInput = INPUT, ...rowResults]) => {
      const along = [
        inputWalk(rowInput, FLOAT_BYTES),
        ...rowResults.map((ptr) => tileWalk(ptr, FLOAT_BYTES)),
      ];
      forEachSpan(
        code,
        columnRuns,
        along,
        (column, [input = INPUT, output = OUTPUT, add = ADD]) => {
          writeTile(code, shape, channel, { row, column, input, output, add });
        },
      );
    });
  };
  code.sweep(channels, [[INPUT, input.channelPitch]], () => {
    // With all output channels of an input channel the others but the input have moved on.
    code.loop(multiplier, () => {
      writeChannel();
      for (const [ptr, bytes] of steps) code.advance(ptr, bytes);
    });
  });
  return code.build();
}

/** What stays in registers for a whole channel. */
interface Channel {
  readonly zero: Register;
  /** What a sum begins with. */
  readonly bias: Register;
  /** The weights of all taps, `null` where there are too many. */
  readonly weights: readonly Register[] | null;
}

/** Taps with whose weights registers have room for vectors that may be needed once more. */
const FEW_TAPS = 9;

/** Registers for a zero, a bias, loaded inputs, and two that instructions may need themselves. */
const OTHER_REGISTERS = 7;

/** The same where an input is loaded for one tap of a row only. */
const OTHER_REGISTERS_ONE_TAP = 5;

function beginChannel(
  code: ProgramBuilder,
  { target, height, width, hasBias }: DepthwiseShape,
  zero: Register,
): Channel {
  const bias = hasBias ? code.register() : zero;
  if (hasBias) code.broadcast(bias, BIAS);
  // As if the sums were always so many: how a plane is cut must not change the order of a sum.
  const taps = height.taps * width.taps;
  const areHeld = taps <= tuned(target, "depthwiseWeights");
  const weights = areHeld ? range(taps).map((tap) => loadWeight(code, tap)) : null;
  return { zero, bias, weights };
}

function loadWeight(code: ProgramBuilder, tap: number): Register {
  const weight = code.register();
  code.broadcast(weight, WEIGHT, tap * FLOAT_BYTES);
  return weight;
}

/** A register tile and where it is. */
interface Place {
  readonly row: TileSpan;
  readonly column: TileSpan;
  readonly input: Pointer;
  readonly output: Pointer;
  readonly add: Pointer;
}

function writeTile(
  code: ProgramBuilder,
  shape: DepthwiseShape,
  channel: Channel,
  place: Place,
): void {
  const { lanes } = shape.target;
  const { row, column, output, add } = place;
  const sums = range(row.tiles).map(() => code.registers(Math.ceil(column.tiles / lanes)));
  for (const sum of sums.flat()) code.copy(sum, channel.bias);
  for (const { taps, inputs } of classesOf(shape, place, channel)) {
    const others = shape.width.stride === 2 ? OTHER_REGISTERS : OTHER_REGISTERS_ONE_TAP;
    const isHeld = channel.weights === null &&
      (shape.target.name === "wasm" ||
        taps.length + sums.flat().length + others <= shape.target.registers);
    const held = new Map(isHeld ? taps.map((tap) => [tap, loadWeight(code, tap)]) : []);
    const columns = columnLoader(code, shape, place, channel.zero);
    for (const { position, first, count, uses } of inputs) {
      const pixels = columns(position, first, count);
      for (const { r, v, tap } of uses) {
        const weight = channel.weights?.[tap] ?? held.get(tap) ?? loadWeight(code, tap);
        const sum = sums[r]?.[v];
        if (sum !== undefined) code.fma(sum, pixels, weight);
      }
    }
  }
  sums.forEach((vectors, r) => {
    vectors.forEach((sum, v) => {
      const offset = r * shape.output.rowPitch + v * lanes * FLOAT_BYTES;
      const left = Math.min(lanes, column.tiles - v * lanes);
      writeOutput(
        code,
        sum,
        { output, add, offset, pixelStep: FLOAT_BYTES, lanes: left },
        shape.epilogue,
      );
    });
  });
}

/** One multiplication: to which sum, with which tap. */
interface Use {
  readonly r: number;
  readonly v: number;
  readonly tap: number;
}

/** A vector of inputs. */
interface InputVector {
  /** The row, as a position of the tile's window. */
  readonly position: number;
  /** The column, likewise, of the first, and how many there are. */
  readonly first: number;
  count: number;
  readonly uses: Use[];
}

/** Taps that see the same input vectors. */
interface TapClass {
  readonly taps: readonly number[];
  readonly inputs: readonly InputVector[];
}

/**
 * All multiplications of a tile. Taps a whole vector of outputs apart see the same vectors. Where all
 * weights are held there is but one class.
 */
function classesOf(
  { target, height, width }: DepthwiseShape,
  { row, column }: Place,
  { weights }: Channel,
): TapClass[] {
  const { lanes } = target;
  const rowSources = listSources(row.sources);
  const columnSources = listSources(column.sources);
  const classes = new Map<number, { taps: Set<number>; inputs: Map<string, InputVector> }>();
  const vectors = Math.ceil(column.tiles / lanes);
  const classOf = (first: number) => {
    const key = weights === null ? first % (lanes * width.stride) : 0;
    const known = classes.get(key) ?? { taps: new Set(), inputs: new Map() };
    classes.set(key, known);
    return known;
  };
  for (const kw of range(width.taps)) {
    for (const v of range(vectors)) {
      const first = v * lanes * width.stride + kw * width.dilation;
      const count = Math.min(lanes, column.tiles - v * lanes);
      const { taps, inputs } = classOf(first);
      const seen = range(count).map((i) => columnSources[first + i * width.stride] ?? null);
      if (seen.every((source) => source === null)) continue;
      for (const r of range(row.tiles)) {
        for (const kh of range(height.taps)) {
          const position = r * height.stride + kh * height.dilation;
          if ((rowSources[position] ?? null) === null) continue;
          const key = `${position} ${first}`;
          const known = inputs.get(key) ?? { position, first, count, uses: [] };
          known.count = Math.max(known.count, count);
          const tap = kh * width.taps + kw;
          known.uses.push({ r, v, tap });
          inputs.set(key, known);
          taps.add(tap);
        }
      }
    }
  }
  return [...classes.values()].map(({ taps, inputs }) => ({
    taps: [...taps],
    inputs: [...inputs.values()].sort((a, b) => a.position - b.position || a.first - b.first),
  }));
}

/** Loads `count` columns of a row, from the `first` on: positions of a tile's window. */
type ColumnLoader = (position: number, first: number, count: number) => Register;

function columnLoader(
  code: ProgramBuilder,
  { target, height, width, input: { rowPitch } }: DepthwiseShape,
  { row, column, input }: Place,
  zero: Register,
): ColumnLoader {
  const { lanes } = target;
  const rowSources = listSources(row.sources);
  const sources = listSources(column.sources);
  const load = (position: number, columns: readonly (number | null)[]) =>
    loadPositions(code, columns, sources, input, (rowSources[position] ?? 0) * rowPitch, zero);
  if (width.stride !== 2) {
    return (position, first, count) =>
      load(position, range(count).map((i) => sources[first + i * width.stride] ?? null));
  }
  // The columns of both remainders come from the same two vectors.
  const halves = new Map<string, Register>();
  const half = (position: number, first: number) => {
    const key = `${position} ${first}`;
    const known = halves.get(key) ?? load(position, sources.slice(first, first + lanes));
    halves.set(key, known);
    return known;
  };
  const mayBeKept = target.name === "wasm" || height.taps * width.taps <= FEW_TAPS;
  const picks = new Map<string, Register>();
  return (position, first, count) => {
    const before = picks.get(`${position} ${first - 2}`);
    const picked = code.register();
    if (before !== undefined) {
      // All but the last have been picked already.
      const next = picks.get(`${position} ${first - 2 + 2 * lanes}`) ??
        load(position, [sources[first + 2 * (lanes - 1)] ?? null]);
      code.shuffle(picked, before, next, range(lanes).map((lane) => lane + 1));
    } else {
      const parity = first % 2;
      const low = half(position, first - parity);
      const last = parity + 2 * (count - 1);
      const high = last < lanes ? low : half(position, first - parity + lanes);
      code.shuffle(picked, low, high, range(lanes).map((lane) => 2 * lane + parity));
    }
    if (mayBeKept && count === lanes) picks.set(`${position} ${first}`, picked);
    return picked;
  };
}
