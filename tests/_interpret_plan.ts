import {
  fusedMultiplyAdd,
  interpret,
  type MultiplyAdd,
  type Region,
  unfusedMultiplyAdd,
} from "../src/codegen/interpret.ts";
import { type Target, WASM_TARGET } from "../src/codegen/target.ts";
import type { Grid, Phase, Work } from "../src/engine/work.ts";
import type { Geometry } from "../src/convolution/geometry.ts";
import { type Epilogue, NO_EPILOGUE } from "../src/convolution/epilogue.ts";
import { planFor } from "../src/kernels/choose.ts";
import { BUFFER, type Family, type Plan } from "../src/kernels/plan.ts";
import { reference, referenceMagnitude } from "../src/convolution/formula.ts";
import type { Algorithm } from "../src/convolution/algorithm.ts";
import { copyBiases } from "../src/kernels/single_position.ts";
import { type CaseOperands, geometryOf, type LayerCase } from "./_arbitrary.ts";

/** A plan's buffers, each of exactly the size that the plan asks for, as one thread has them. */
export type PlanMemory = readonly Float32Array[];

/** One call of a program: where each of its pointers points. */
export interface Tile {
  readonly program: number;
  readonly args: readonly { readonly buffer: number; readonly offset: number }[];
}

/** How a target's multiply-adds round. */
export function multiplyAddOf({ fusesMultiplyAdd }: Target): MultiplyAdd {
  return fusesMultiplyAdd ? fusedMultiplyAdd : unfusedMultiplyAdd;
}

/** A target in words: the two of WebAssembly have the same name. */
export function describeTarget({ name, fusesMultiplyAdd }: Target): string {
  return fusesMultiplyAdd ? name : `${name}, unfused`;
}

/** The plan for a geometry, direct and for WebAssembly unless something else is named. */
export function planOf(
  geometry: Geometry,
  hasBias: boolean,
  target: Target = WASM_TARGET,
  epilogue: Epilogue = NO_EPILOGUE,
  algorithm: Algorithm = "direct",
): Plan {
  return planFor({ pass: "forward", geometry, hasBias, epilogue, algorithm, target });
}

/** The plan for a case: for every other one the direct one, else the one that is thought best. */
export function planOfCase(layerCase: LayerCase, target: Target): Plan {
  const algorithm = layerCase.seed % 2 === 0 ? "auto" : "direct";
  return planOf(geometryOf(layerCase), layerCase.bias, target, NO_EPILOGUE, algorithm);
}

/** What plans that add a tensor find in all of it. */
export const ADDEND = 0.75;

/** Buffers that hold the operands, and NaN wherever nothing has been written yet. */
export function planMemory(
  { buffers, biasCopies }: Plan,
  operands: CaseOperands,
): PlanMemory {
  const memory = buffers.map(({ bytes }) =>
    new Float32Array(bytes / Float32Array.BYTES_PER_ELEMENT).fill(NaN)
  );
  memory[BUFFER.input]?.set(operands.input);
  memory[BUFFER.weight]?.set(operands.weight);
  const biases = memory[BUFFER.bias];
  if (operands.bias !== null && biases !== undefined) {
    copyBiases(biases, operands.bias, biasCopies);
  }
  memory[BUFFER.add]?.fill(ADDEND);
  return memory;
}

/** Every tile of a phase, in the order in which they are claimed. */
export function tilesOf({ grids }: Phase): Tile[] {
  return grids.flatMap((grid) =>
    positionsOf(grid.extents).map((position) => tileAt(grid, position))
  );
}

/** Runs tiles with every access checked; `before` comes before each of them. */
export function interpretTiles(
  { name, programs }: Phase,
  tiles: readonly Tile[],
  regions: readonly Region[],
  before: () => void = () => {},
  multiplyAdd: MultiplyAdd = fusedMultiplyAdd,
): void {
  for (const { program, args } of tiles) {
    const code = programs[program];
    if (code === undefined) throw new RangeError(`Phase "${name}" has no program ${program}`);
    before();
    interpret(
      code,
      args.map(({ buffer, offset }) => {
        const region = regions[buffer];
        if (region === undefined) throw new RangeError(`Phase "${name}" has no buffer ${buffer}`);
        return { region, offset };
      }),
      multiplyAdd,
    );
  }
}

/** Runs a plan's preparation: only the packed weights and scratch memory may be written. */
export function prepareWeights(
  plan: Plan,
  memory: PlanMemory,
  multiplyAdd?: MultiplyAdd,
): void {
  const written: readonly number[] = [BUFFER.packedWeight, BUFFER.scratch];
  const regions = regionsOf(plan, memory, (buffer) => written.includes(buffer));
  for (const phase of plan.preparation) {
    interpretTiles(phase, tilesOf(phase), regions, () => forgetScratch(plan, regions), multiplyAdd);
  }
}

/** Buffers that hold what a call is made on: the phases of a call only read them. */
const OPERANDS: readonly number[] = [BUFFER.input, BUFFER.weight, BUFFER.bias, BUFFER.add];

/** Runs tiles of one of a plan's phases. */
export function runTiles(
  plan: Plan,
  phase: Phase,
  tiles: readonly Tile[],
  memory: PlanMemory,
  multiplyAdd?: MultiplyAdd,
): void {
  // Weights that are packed beforehand are an operand, too.
  const isPrepared = plan.preparation.length > 0;
  const readOnly = isPrepared ? [...OPERANDS, BUFFER.packedWeight] : OPERANDS;
  const regions = regionsOf(plan, memory, (buffer) => !readOnly.includes(buffer));
  interpretTiles(phase, tiles, regions, () => forgetScratch(plan, regions), multiplyAdd);
}

/** Runs a whole plan, the tiles of each phase as `order` arranges them. */
export function runPlan(
  plan: Plan,
  operands: CaseOperands,
  order: (tiles: Tile[]) => Tile[] = (tiles) => tiles,
  multiplyAdd?: MultiplyAdd,
): PlanMemory {
  const memory = planMemory(plan, operands);
  prepareWeights(plan, memory, multiplyAdd);
  for (const phase of plan.phases) {
    runTiles(plan, phase, order(tilesOf(phase)), memory, multiplyAdd);
  }
  return memory;
}

/** The output in a plan's memory. */
export function outputOf(memory: PlanMemory, geometry: Geometry): Float32Array {
  return outputBuffer(memory).subarray(0, outputSize(geometry));
}

/** What a plan's memory has behind the output. */
export function behindOutput(memory: PlanMemory, geometry: Geometry): Float32Array {
  return outputBuffer(memory).subarray(outputSize(geometry));
}

/**
 * What Winograd's algorithm stays within on normal random data, in proportion to the largest sum of absolute
 * products. On other data it has a bound of its own (`winogradBounds`).
 */
export const WINOGRAD_BOUND = 5e-6;

/**
 * Says which output is further from the reference than its family may take it, or is infinite or not a
 * number where the reference is not; `null` if none is. Direct kernels stay within the rounding errors of
 * a sum of so many products, Winograd's algorithm within a part of the largest output.
 */
export function findWrongOutput(
  geometry: Geometry,
  operands: CaseOperands,
  output: ArrayLike<number>,
  family: Family = "direct",
): string | null {
  const expected = reference(geometry, operands);
  const magnitude = referenceMagnitude(geometry, operands);
  if (output.length !== expected.length) return `${output.length} outputs of ${expected.length}`;
  const terms = product(geometry.kernel) * geometry.inChannels / geometry.groups + 1;
  const largest = magnitude.reduce((a, b) => Math.max(a, b), 0);
  for (let index = 0; index < expected.length; index++) {
    const [is, should] = [output[index] ?? NaN, expected[index] ?? NaN];
    const bound = family === "winograd"
      ? WINOGRAD_BOUND * largest
      : terms * 2 ** -24 * (magnitude[index] ?? NaN);
    // A NaN never compares smaller: it must not pass.
    if (!Object.is(is, should) && !(Math.abs(is - should) <= bound)) {
      return `Output ${index} is ${is}, not ${should} (bound ${bound})`;
    }
  }
  return null;
}

function outputBuffer(memory: PlanMemory): Float32Array {
  return memory[BUFFER.output] ?? new Float32Array();
}

function outputSize({ batch, outChannels, output }: Geometry): number {
  return batch * outChannels * product(output);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** All points of a box, the last axis fastest. */
function positionsOf(extents: readonly number[]): number[][] {
  return extents.reduce<number[][]>(
    (heads, extent) =>
      heads.flatMap((head) => Array.from({ length: extent }, (_, index) => [...head, index])),
    [[]],
  );
}

function tileAt({ program, args }: Grid, position: readonly number[]): Tile {
  return {
    program,
    args: args.map(({ buffer, offset, steps }) => ({
      buffer,
      offset: position.reduce((sum, index, axis) => sum + index * (steps[axis] ?? 0), offset),
    })),
  };
}

function regionsOf(
  { buffers }: Plan,
  memory: PlanMemory,
  writable: (buffer: number) => boolean,
): Region[] {
  return memory.map((data, buffer) => ({
    name: buffers[buffer]?.name ?? "",
    data,
    writable: writable(buffer),
  }));
}

/** The tile before it may have been any other of the same thread: what it left there is no use. */
export function forgetScratch({ buffers }: Work, regions: readonly Region[]): void {
  regions.forEach(({ data }, buffer) => {
    if (buffers[buffer]?.perThread) data.fill(NaN);
  });
}
