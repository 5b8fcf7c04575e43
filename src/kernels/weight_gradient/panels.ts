/**
 * Packing of the output's gradient into panels of channels, `[group][panel][item][pixel][channel of the panel]`; behind
 * the last channel of a group lies anything.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Phase } from "../../engine/work.ts";
import { range } from "../../base/numbers.ts";
import { transpose, transposeRegisters } from "../common/transpose.ts";
import { usableRegisters } from "../common/register_tile.ts";
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER } from "../plan.ts";

/** Planes of the gradient: `[item][group][channel][pixel]`. */
export interface GradientPlanes {
  readonly items: number;
  readonly groups: number;
  /** Channels of a group. */
  readonly channels: number;
  /** Pixels of a channel. */
  readonly pixels: number;
  /** Channels of a panel. */
  readonly panel: number;
}

/** Elements of the panels. */
export function panelElements(planes: GradientPlanes): number {
  const { items, groups, channels, pixels, panel } = planes;
  return groups * Math.ceil(channels / panel) * panel * items * pixels;
}

/** Microseconds of a tile. */
const TILE_COST = 20;

/** The phase that packs them. */
export function panelPhase(target: Target, planes: GradientPlanes): Phase {
  const { items, groups, channels, pixels, panel } = planes;
  const plane = pixels * FLOAT_BYTES;
  const elements = panelElements(planes);
  const perPixel = elements / groups / channels / items / pixels / COPIES_PER_MICROSECOND;
  const panels = groups * Math.ceil(channels / panel);
  const vectors = Math.ceil(pixels / target.lanes);
  const cost = elements / COPIES_PER_MICROSECOND;
  const block = evenBlock(vectors, panels * items, cost, TILE_COST) * target.lanes;
  const itemBlock = block < pixels ? 1 : evenBlock(items, panels, cost, TILE_COST);
  const itemSteps = {
    weight: groups * channels * plane,
    packedWeight: pixels * panel * FLOAT_BYTES,
  };
  const phase = new PhaseBuilder("pack gradient");
  phase.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: {
        count: groups,
        steps: { weight: channels * plane, packedWeight: elements / groups * FLOAT_BYTES },
      },
      channels: {
        count: channels,
        block: Math.min(channels, panel),
        steps: { weight: plane, packedWeight: items * plane },
      },
      items: { count: items, block: itemBlock, steps: itemSteps },
      pixels: {
        count: pixels,
        block: Math.min(block, pixels),
        steps: { weight: FLOAT_BYTES, packedWeight: panel * FLOAT_BYTES },
      },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: 0 },
      packedWeight: { buffer: BUFFER.packedWeight, offset: 0 },
    },
    itemCost: perPixel,
    write: (block) => panelProgram(target, { ...block, plane, panel, itemSteps }),
  });
  return phase.build();
}

/** Some pixels of a panel. */
interface PanelPart {
  readonly channels: number;
  readonly items: number;
  /** Bytes from one item to the next. */
  readonly itemSteps: Readonly<Record<typeof PACK_PARAMETERS[number], number>>;
  readonly pixels: number;
  /** Bytes of a plane. */
  readonly plane: number;
  /** Channels of a full panel. */
  readonly panel: number;
}

function panelProgram(target: Target, part: PanelPart): Program {
  const { channels, items, pixels, itemSteps: { weight, packedWeight } } = part;
  const name = `pack gradient ${items}x${channels}oc x ${pixels}px`;
  const code = new ProgramBuilder(name, target.lanes, PACK_PARAMETERS);
  code.sweep(items, [[FROM, weight], [TO, packedWeight]], () => writeItem(code, target, part));
  return code.build();
}

function writeItem(
  code: ProgramBuilder,
  target: Target,
  { channels, pixels, plane, panel }: PanelPart,
): void {
  const { lanes } = target;
  const pixelBytes = panel * FLOAT_BYTES;
  // Few pixels of a channel fill no vectors: a pixel's channels are brought together instead.
  const isShort = plane < lanes * FLOAT_BYTES / 2;
  const most = Math.min(lanes, usableRegisters(target) - transposeRegisters(1));
  const steps = [[FROM, FLOAT_BYTES], [TO, pixelBytes]] as const;
  const value = code.register();
  for (let first = 0; first < channels; first += isShort ? lanes : most) {
    const count = Math.min(isShort ? lanes : most, channels - first);
    const to = first * FLOAT_BYTES;
    if (isShort) {
      code.blocks(pixels, 1, steps, () => {
        const offsets = range(count).map((i) => (first + i) * plane);
        if (plane === FLOAT_BYTES) code.load(value, FROM, first * plane, count);
        else code.gather(value, FROM, offsets);
        code.store(value, TO, to, count);
      });
      continue;
    }
    code.blocks(pixels, lanes, steps, (some) => {
      const rows = range(count).map((i) => {
        const row = code.register();
        code.load(row, FROM, (first + i) * plane, some);
        return row;
      });
      transpose(code, rows, (column, pixel) => {
        if (pixel < some) code.store(column, TO, pixel * pixelBytes + to, count);
      });
    });
  }
}
