/**
 * Winograd convolution: F(4x4, 3x3), F(2x2, 3x3) and their one-dimensional forms.
 *
 * Input and kernel are transformed tile by tile, multiplied there, position by position, summed over
 * the input channels, and transformed back (`winograd_transform.ts`). A tile of 4 x 4 outputs takes 36
 * products in place of 144. The sums over channels are a matrix product for each of the 36 positions
 * (`winograd_product.ts`).
 *
 * Lanes are consecutive tiles of a row. The input is read where it lies: its padding is part of the
 * programs, which know for each vector at an edge what comes from where. Per block of tiles:
 *
 * | array | layout |
 * | --- | --- |
 * | input | as it lies |
 * | transformed input | `[position][input channel][tile]` |
 * | transformed weights | `[position][group][panel][input channel][depth tap][output channel]` |
 * | products | `[output channel][position][tile]` |
 * | output | as it lies |
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
} from "../codegen/program.ts";
import { type Epilogue, writeOutput } from "./epilogue.ts";
import { range } from "./numbers.ts";
import { type ProductShape, writeProducts } from "./winograd_product.ts";
import { cut, outputSpan, type SpanRun, type TileSpan } from "./winograd_spans.ts";
import {
  type AxisTransform,
  Constants,
  inputConstants,
  kernelConstants,
  outputConstants,
  transformInput,
  transformKernel,
  transformOutput,
} from "./winograd_transform.ts";

/** What the programs of a convolution share. Pitches are in bytes. */
export interface WinogradShape extends ProductShape {
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly input: { readonly channelPitch: number; readonly rowPitch: number };
  readonly output: { readonly channelPitch: number; readonly rowPitch: number };
}

/** A block of tiles. */
export interface WinogradBlock {
  readonly rows: TileSpan;
  readonly columns: TileSpan;
}

const TRANSFORMED: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;
const PRODUCTS: Pointer = 3;
const OPERANDS = { transformed: TRANSFORMED, weight: WEIGHT, products: PRODUCTS };
const OUTPUT: Pointer = 4;
const ADD: Pointer = 5;
const INPUT: Pointer = 6;

/** The pointer parameters of {@linkcode multiplyProgram}, in order. */
const MULTIPLY_PARAMETERS = [
  "transformed",
  "weight",
  "bias",
  "products",
  "output",
  "add",
] as const;

/** The pointer parameters of {@linkcode fusedProgram}, in order. */
export const FUSED_PARAMETERS = [...MULTIPLY_PARAMETERS, "input"] as const;

/** Transforms the input of a block; parameters are the input and the transformed input. */
export function transformProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  channels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd input ${channels}ic x ${blockName(shape, block)}`,
    shape.lanes,
    2,
  );
  writeInputTransform(code, shape, block, channels, 0, 1);
  return code.build();
}

/** From the transformed input of a block to the output of some channels. */
export function multiplyProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd ${outChannels}oc x ${blockName(shape, block)}, ${shape.inChannels}ic`,
    shape.lanes,
    MULTIPLY_PARAMETERS.length,
  );
  writeProducts(code, shape, OPERANDS, tilesOf(block), outChannels);
  writeOutputTransform(code, shape, block, outChannels);
  return code.build();
}

/** From the input of a block to the output of all channels of a group. */
export function fusedProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd ${outChannels}oc x ${blockName(shape, block)}, ${shape.inChannels}ic`,
    shape.lanes,
    FUSED_PARAMETERS.length,
  );
  writeInputTransform(code, shape, block, shape.inChannels, INPUT, TRANSFORMED);
  writeProducts(code, shape, OPERANDS, tilesOf(block), outChannels);
  writeOutputTransform(code, shape, block, outChannels);
  return code.build();
}

function blockName({ height, width }: WinogradShape, { rows, columns }: WinogradBlock): string {
  return `${rows.tiles}x${columns.tiles} tiles of ${height.outputs}x${width.outputs}`;
}

function tilesOf({ rows, columns }: WinogradBlock): number {
  return rows.tiles * columns.tiles;
}

function writeInputTransform(
  code: ProgramBuilder,
  shape: WinogradShape,
  { rows, columns }: WinogradBlock,
  channels: number,
  from: Pointer,
  to: Pointer,
): void {
  const { height, width, lanes } = shape;
  const constants = new Constants(code, [height, width].flatMap(inputConstants));
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
  const columnRuns = cut(columns, width, lanes);
  code.sweep(channels, steps, () => {
    forEachSpan(code, rowRuns, down, (row, [rowFrom = from, rowTo = to]) => {
      const along = [inputWalk(rowFrom, FLOAT_BYTES), tileWalk(rowTo, FLOAT_BYTES)];
      forEachSpan(code, columnRuns, along, (column, [tileFrom = from, tileTo = to]) => {
        const seen = row.sources.map((source) =>
          source === null ? new Array<Register>(width.inputs).fill(zero) : transformInput(
            code,
            constants,
            width,
            loadWindows(code, width, column, tileFrom, source * shape.input.rowPitch, zero),
          )
        );
        transposed(seen).forEach((values, j) => {
          transformInput(code, constants, height, values).forEach((value, i) => {
            const position = i * width.inputs + j;
            code.store(value, tileTo, position * shape.transformed.positionPitch, column.tiles);
          });
        });
      });
    });
  });
}

/** How far a pointer moves along an axis. */
interface Walk {
  readonly ptr: Pointer;
  /** Bytes for an input position. */
  readonly perInput: number;
  /** Bytes for a tile. */
  readonly perTile: number;
}

/**
 * What `body` writes for each span of some runs, with pointers of its own, in the order of the walks.
 */
function forEachSpan(
  code: ProgramBuilder,
  runs: readonly SpanRun[],
  walks: readonly Walk[],
  body: (span: TileSpan, pointers: readonly Pointer[]) => void,
): void {
  for (const { start, count, span, step } of runs) {
    const pointers = walks.map(({ ptr, perInput, perTile }) =>
      code.pointer(ptr, span.origin * perInput + start * perTile)
    );
    const steps = walks.map(({ perInput, perTile }) => step * perInput + span.tiles * perTile);
    code.loop(count, () => {
      body(span, pointers);
      if (count > 1) pointers.forEach((ptr, i) => code.advance(ptr, steps[i] ?? 0));
    });
  }
}

/** A walk over the input. */
function inputWalk(ptr: Pointer, perInput: number): Walk {
  return { ptr, perInput, perTile: 0 };
}

/** A walk over something that there is one of for every tile. */
function tileWalk(ptr: Pointer, perTile: number): Walk {
  return { ptr, perInput: 0, perTile };
}

/** The inputs of a vector of tiles along a row: lane `t` of vector `j` is position `m t + j`. */
function loadWindows(
  code: ProgramBuilder,
  { outputs, inputs }: AxisTransform,
  { sources }: TileSpan,
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
  if (inputs === outputs) return windows;
  // A tile's last inputs are the first ones of the tile behind it.
  const behind = run(outputs * lanes, inputs - outputs);
  const next = Array.from({ length: lanes }, (_, i) => i + 1);
  return windows.concat(
    windows.slice(0, inputs - outputs).map((window, i) => {
      const last = i === 0 ? behind : code.register();
      if (i > 0) code.lane(last, behind, i);
      const shifted = code.register();
      code.shuffle(shifted, window, last, next);
      return shifted;
    }),
  );
}

/** A vector of positions, each where `positions` says; `row` is all that is sure to exist. */
function loadPositions(
  code: ProgramBuilder,
  positions: readonly (number | null)[],
  row: readonly (number | null)[],
  ptr: Pointer,
  offset: number,
  zero: Register,
): Register {
  const { lanes } = code;
  const first = positions.findIndex((source) => source !== null);
  if (first < 0) return zero;
  const start = positions[first] ?? 0;
  const some = positions.filter((source) => source !== null);
  const consecutive = some.every((source, i) =>
    source === start + i && positions[first + i] === source
  );
  const value = code.register();
  if (!consecutive) {
    const offsets = positions.map((source) => offset + (source ?? start) * FLOAT_BYTES);
    code.gather(value, ptr, offsets);
    if (some.length === positions.length) return value;
    const blend = Array.from(
      { length: lanes },
      (_, i) => positions[i] === null ? lanes + i : i,
    );
    code.shuffle(value, value, zero, blend);
    return value;
  }
  // Where more of the row follows, a whole vector is quicker than a part of one.
  const exist = start + lanes <= 1 + row.reduce<number>((most, s) => Math.max(most, s ?? 0), 0);
  const atOnce = first > 0 && exist ? lanes : some.length;
  code.load(value, ptr, offset + start * FLOAT_BYTES, atOnce);
  if (first === 0) return value;
  const shift = Array.from({ length: lanes }, (_, i) => lanes - first + i);
  const blend = shift.map((lane, i) => i < first + some.length ? lane : 0);
  code.shuffle(value, zero, value, blend);
  return value;
}

/** Lane `t` of result `j` is element `m t + j` of `m` consecutive vectors, `m` a power of two. */
function deinterleave(code: ProgramBuilder, vectors: readonly Register[]): Register[] {
  const [a, b] = vectors;
  if (a === undefined || b === undefined) return [...vectors];
  const { lanes } = code;
  const split = (parity: number) => {
    const picked = Array.from({ length: lanes }, (_, i) => 2 * i + parity);
    const halves: Register[] = [];
    for (let i = 0; i < vectors.length; i += 2) {
      const half = code.register();
      code.shuffle(half, vectors[i] ?? a, vectors[i + 1] ?? b, picked);
      halves.push(half);
    }
    return deinterleave(code, halves);
  };
  const [even, odd] = [split(0), split(1)];
  return even.flatMap((register, i) => [register, odd[i] ?? register]);
}

/** The inverse of {@linkcode deinterleave}. */
function interleave(code: ProgramBuilder, vectors: readonly Register[]): Register[] {
  const count = vectors.length;
  if (count < 2) return [...vectors];
  const { lanes } = code;
  const even = interleave(code, vectors.filter((_, i) => i % 2 === 0));
  const odd = interleave(code, vectors.filter((_, i) => i % 2 === 1));
  return even.flatMap((a, i) => {
    const b = odd[i] ?? a;
    return [0, lanes / 2].map((first) => {
      const mixed = code.register();
      const picked = Array.from(
        { length: lanes },
        (_, lane) => first + Math.floor(lane / 2) + lane % 2 * lanes,
      );
      code.shuffle(mixed, a, b, picked);
      return mixed;
    });
  });
}

function writeOutputTransform(
  code: ProgramBuilder,
  shape: WinogradShape,
  { rows, columns }: WinogradBlock,
  outChannels: number,
): void {
  const { height, width, lanes, products, output, epilogue } = shape;
  const constants = new Constants(code, [height, width].flatMap(outputConstants));
  // What is added lies in the order of the output.
  const results = epilogue.add ? [OUTPUT, ADD] : [OUTPUT];
  const steps: Steps = [
    [PRODUCTS, products.channelPitch],
    [BIAS, FLOAT_BYTES],
    ...results.map((ptr) => [ptr, output.channelPitch] as const),
  ];
  const down = [
    tileWalk(PRODUCTS, columns.tiles * FLOAT_BYTES),
    ...results.map((ptr) => tileWalk(ptr, height.outputs * output.rowPitch)),
  ];
  const rowRuns = cut(outputSpan(rows), height, 1);
  const columnRuns = cut(outputSpan(columns), width, lanes);
  const bias = code.register();
  code.sweep(outChannels, steps, () => {
    if (shape.hasBias) code.broadcast(bias, BIAS);
    forEachSpan(code, rowRuns, down, (row, [rowFrom = PRODUCTS, ...rowResults]) => {
      const along = [
        tileWalk(rowFrom, FLOAT_BYTES),
        ...rowResults.map((ptr) => tileWalk(ptr, width.outputs * FLOAT_BYTES)),
      ];
      forEachSpan(code, columnRuns, along, (column, [from = PRODUCTS, to = OUTPUT, add = to]) => {
        const columnSums = range(width.inputs).map((j) => {
          const values = range(height.inputs).map((i) => {
            const value = code.register();
            code.load(value, from, (i * width.inputs + j) * products.positionPitch);
            return value;
          });
          return transformOutput(code, constants, height, values);
        });
        transposed(columnSums).slice(0, row.outputs).forEach((values, i) => {
          const sums = transformOutput(code, constants, width, values);
          const biased = shape.hasBias ? sums.map((value) => sum(code, value, bias)) : sums;
          interleave(code, biased).forEach((vector, k) => {
            const left = Math.min(lanes, column.outputs - k * lanes);
            if (left <= 0) return;
            const offset = i * output.rowPitch + k * lanes * FLOAT_BYTES;
            const pixels = { output: to, add, offset, pixelStep: FLOAT_BYTES, lanes: left };
            writeOutput(code, vector, pixels, epilogue);
          });
        });
      });
    });
  });
}

function sum(code: ProgramBuilder, a: Register, b: Register): Register {
  const result = code.register();
  code.add(result, a, b);
  return result;
}

/** The weights of one convolution, `[output channel][reduction][kernel height][kernel width]`. */
export interface WinogradWeights {
  readonly lanes: number;
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Kernels of an output channel: input channels of a group by depth taps. */
  readonly reduction: number;
  /** Transformed bytes from one position to the next. */
  readonly positionPitch: number;
}

/**
 * Transforms the weights of some panels of output channels, the last of which may have fewer than its
 * lanes; parameters are the weights and the result.
 */
export function weightProgram(
  { lanes, height, width, reduction, positionPitch }: WinogradWeights,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd weights ${outChannels}oc x ${reduction}`,
    lanes,
    2,
  );
  const [weight, result] = [0, 1];
  const constants = new Constants(code, [height, width].flatMap(kernelConstants));
  const kernelBytes = height.taps * width.taps * FLOAT_BYTES;
  const channelBytes = reduction * kernelBytes;
  const panelSteps = [
    [weight, lanes * channelBytes],
    [result, lanes * reduction * FLOAT_BYTES],
  ] as const;
  const writePanel = (channels: number) => {
    const kernelSteps = [[weight, kernelBytes], [result, lanes * FLOAT_BYTES]] as const;
    code.sweep(reduction, kernelSteps, () => {
      const taps = range(height.taps).map((i) =>
        range(width.taps).map((j) => {
          const tap = (i * width.taps + j) * FLOAT_BYTES;
          const value = code.register();
          code.gather(value, weight, range(channels).map((lane) => lane * channelBytes + tap));
          return value;
        })
      );
      const alongRows = taps.map((values) => transformKernel(code, constants, width, values));
      transposed(alongRows).forEach((values, j) => {
        transformKernel(code, constants, height, values).forEach((value, i) => {
          code.store(value, result, (i * width.inputs + j) * positionPitch);
        });
      });
    });
  };
  const full = Math.floor(outChannels / lanes);
  code.sweep(full, panelSteps, () => writePanel(lanes));
  if (outChannels % lanes > 0) {
    code.displaced(panelSteps, full, () => writePanel(outChannels % lanes));
  }
  return code.build();
}

function transposed<T>(rows: readonly (readonly T[])[]): T[][] {
  const [first = []] = rows;
  return first.map((_, j) => rows.flatMap((row) => row.slice(j, j + 1)));
}
