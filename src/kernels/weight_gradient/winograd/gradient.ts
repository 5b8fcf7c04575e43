/**
 * The transform of the output's gradient, with the output channels of a panel in the lanes.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Program,
  ProgramBuilder,
  type Register,
} from "../../../codegen/program.ts";
import { indicesOf } from "../../../base/indices.ts";
import { range } from "../../../base/numbers.ts";
import { evenBlock, type PhaseBuilder } from "../../phase_builder.ts";
import { BUFFER } from "../../plan.ts";
import { isStaged, RegisterStage, ScratchStage } from "../../winograd/stage.ts";
import {
  type AxisTransform,
  type Constants,
  constantsOf,
  kernelConstants,
  transformKernel,
} from "../../winograd/transform.ts";
import type { WinogradGradient } from "./shape.ts";

const PARAMETERS = ["packed", "transformed", "stage"] as const;

const { packed: PACKED, transformed: TRANSFORMED, stage: STAGE } = indicesOf(PARAMETERS);

/** Microseconds of a position of a vector, about, and of an engine tile. */
const POSITION_COST = 0.0015;
const TILE_COST = 20;

/** Bytes of scratch memory that a tile uses. */
export function gradientStageBytes({ sums: { target }, height, width }: WinogradGradient): number {
  return isGradientStaged({ target, height, width })
    ? height.taps * width.inputs * target.lanes * FLOAT_BYTES
    : 0;
}

type Transforms =
  & Pick<WinogradGradient, "height" | "width">
  & Pick<WinogradGradient["sums"], "target">;

function isGradientStaged({ target, height, width }: Transforms): boolean {
  return isStaged(target, height.taps * width.inputs, [height, width].flatMap(kernelConstants));
}

/** Tiles along an axis that have equally many pixels. */
interface TileRun {
  readonly start: number;
  readonly count: number;
  readonly pixels: number;
}

/** Whole tiles, and the last one where it is smaller. */
function tileRuns(pixels: number, { taps }: AxisTransform): TileRun[] {
  const whole = Math.floor(pixels / taps);
  const rest = pixels % taps;
  return [{ start: 0, count: whole, pixels: taps }, { start: whole, count: 1, pixels: rest }]
    .filter(({ count, pixels }) => count * pixels > 0);
}

/** Adds the tiles that transform the packed gradient. */
export function addGradients(
  phase: PhaseBuilder,
  gradient: WinogradGradient,
  threadStep: number,
): void {
  const { geometry: g, height, width, sums, positions, packedElements } = gradient;
  const { result: { sumChannels: panel } } = gradient;
  const [depth, rows, columns] = g.output;
  const panels = Math.ceil(sums.outChannels / panel);
  const pixelBytes = panel * FLOAT_BYTES;
  const rowTiles = Math.ceil(columns / width.taps);
  const planeTiles = Math.ceil(rows / height.taps) * rowTiles;
  const itemCost = positions * panel / sums.target.lanes * POSITION_COST;
  for (const down of tileRuns(rows, height)) {
    for (const along of tileRuns(columns, width)) {
      const others = g.groups * panels * g.batch * depth;
      const cost = others * down.count * along.count * itemCost;
      const block = evenBlock(down.count * along.count, others, cost, TILE_COST);
      const blockRows = Math.min(down.count, Math.ceil(block / along.count));
      phase.addBox({
        parameters: PARAMETERS,
        axes: {
          groups: {
            count: g.groups,
            steps: {
              packed: panels * g.batch * depth * rows * columns * pixelBytes,
              transformed: gradient.gradient.groupPitch,
            },
          },
          planes: {
            count: panels * g.batch * depth,
            steps: { packed: rows * columns * pixelBytes, transformed: planeTiles * pixelBytes },
          },
          rows: {
            count: down.count,
            block: blockRows,
            steps: {
              packed: height.taps * columns * pixelBytes,
              transformed: rowTiles * pixelBytes,
            },
          },
          columns: {
            count: along.count,
            block: blockRows > 1 ? along.count : Math.min(along.count, block),
            steps: { packed: width.taps * pixelBytes, transformed: pixelBytes },
          },
        },
        bases: {
          packed: {
            buffer: BUFFER.packedWeight,
            offset: (down.start * height.taps * columns + along.start * width.taps) * pixelBytes,
          },
          transformed: {
            buffer: BUFFER.packedWeight,
            offset: packedElements * FLOAT_BYTES +
              (down.start * rowTiles + along.start) * pixelBytes,
          },
          stage: { buffer: BUFFER.scratch, offset: 0, threadStep },
        },
        itemCost,
        write: ({ rows, columns }) =>
          gradientProgram(gradient, {
            rows: { tiles: rows, pixels: down.pixels },
            columns: { tiles: columns, pixels: along.pixels },
          }),
      });
    }
  }
}

/** Equal tiles: how many along an axis, and their pixels. */
interface EqualTiles {
  readonly tiles: number;
  readonly pixels: number;
}

/** Some tiles of a panel. */
interface TileBlock {
  readonly rows: EqualTiles;
  readonly columns: EqualTiles;
}

function gradientProgram(gradient: WinogradGradient, { rows, columns }: TileBlock): Program {
  const { geometry: g, height, width, sums: { target }, result } = gradient;
  const { lanes } = target;
  const pixelBytes = result.sumChannels * FLOAT_BYTES;
  const rowBytes = g.output[2] * pixelBytes;
  const rowTiles = Math.ceil(g.output[2] / width.taps);
  const code = new ProgramBuilder(
    `winograd gradient ${rows.tiles}x${columns.tiles} tiles of ${rows.pixels}x${columns.pixels}`,
    lanes,
    PARAMETERS,
  );
  const constants = constantsOf(code, target, [height, width].flatMap(kernelConstants));
  const zero = code.register();
  code.zero(zero);
  const down = [[PACKED, height.taps * rowBytes], [TRANSFORMED, rowTiles * pixelBytes]] as const;
  const along = [[PACKED, width.taps * pixelBytes], [TRANSFORMED, pixelBytes]] as const;
  const across = [[PACKED, lanes * FLOAT_BYTES], [TRANSFORMED, lanes * FLOAT_BYTES]] as const;
  code.sweep(rows.tiles, down, () => {
    code.sweep(columns.tiles, along, () => {
      code.sweep(result.sumChannels / lanes, across, () => {
        writeTile(code, gradient, constants, (row, column) => {
          if (row >= rows.pixels || column >= columns.pixels) return zero;
          const value = code.register();
          code.load(value, PACKED, row * rowBytes + column * pixelBytes);
          return value;
        });
      });
    });
  });
  return code.build();
}

/** The transform of a vector of tiles, without the scales of the products. */
function writeTile(
  code: ProgramBuilder,
  { height, width, sums: { target }, gradient: { positionPitch } }: WinogradGradient,
  constants: Constants,
  pixel: (row: number, column: number) => Register,
): void {
  const stage = isGradientStaged({ target, height, width })
    ? new ScratchStage(code, STAGE, width.inputs)
    : new RegisterStage();
  for (const i of range(height.taps)) {
    const values = range(width.taps).map((j) => pixel(i, j));
    transformKernel(code, constants, width, values).forEach((value, j) => stage.put(i, j, value));
  }
  for (const j of range(width.inputs)) {
    const values = range(height.taps).map((i) => stage.get(i, j));
    transformKernel(code, constants, height, values).forEach((value, i) => {
      code.store(value, TRANSFORMED, (i * width.inputs + j) * positionPitch);
    });
  }
}
