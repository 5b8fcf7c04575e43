/**
 * Adds up the parts that a weight's gradient was summed in, in their order.
 *
 * @module
 */

import { FLOAT_BYTES, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import { indicesOf } from "../../base/indices.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER } from "../plan.ts";
import { type Parts, productsOf, type SumKernel, type WeightShape } from "./shape.ts";

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Sums of a part: of all groups, in the order of `sumChannels`. */
export function partElements(
  shape: WeightShape,
  { sumChannels }: SumKernel,
  groups: number,
): number {
  return groups * Math.ceil(shape.outChannels / sumChannels) * sumChannels * productsOf(shape);
}

const PARAMETERS = ["partialSums", "output"] as const;

const { partialSums: FROM, output: TO } = indicesOf(PARAMETERS);

/** The phase that makes the gradient of them. */
export function collectPhase(
  shape: WeightShape,
  kernel: SumKernel,
  groups: number,
  parts: readonly Parts[],
): Phase {
  const { outChannels, target } = shape;
  const products = productsOf(shape);
  const { sumChannels } = kernel;
  const copies = parts.reduce((count, part) => count * part.count, 1);
  const itemCost = products * copies / COPIES_PER_MICROSECOND;
  const blocks = Math.ceil(outChannels / sumChannels);
  const block = evenBlock(blocks, groups, groups * outChannels * itemCost, TILE_COST) * sumChannels;
  const phase = new PhaseBuilder("collect");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      groups: {
        count: groups,
        steps: {
          partialSums: blocks * sumChannels * products * FLOAT_BYTES,
          output: outChannels * products * FLOAT_BYTES,
        },
      },
      outChannels: {
        count: outChannels,
        block: Math.min(block, outChannels),
        steps: { partialSums: products * FLOAT_BYTES, output: products * FLOAT_BYTES },
      },
    },
    bases: {
      partialSums: { buffer: BUFFER.partialSums, offset: 0 },
      output: { buffer: BUFFER.output, offset: 0 },
    },
    itemCost,
    write: ({ outChannels }) => {
      const code = new ProgramBuilder(
        `collect ${outChannels}oc x ${products} of ${copies} parts`,
        target.lanes,
        PARAMETERS,
      );
      const channelBytes = products * FLOAT_BYTES;
      const steps = [[FROM, channelBytes], [TO, channelBytes]] as const;
      code.blocks(outChannels, sumChannels, steps, (channels) => {
        kernel.finish(code, channels, products, { from: FROM, to: TO, parts });
      });
      return code.build();
    },
  });
  return phase.build();
}
