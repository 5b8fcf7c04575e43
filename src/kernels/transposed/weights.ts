/**
 * Packing of the weights of a transposed convolution for kernels with pixels in the lanes.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import { least, product, range } from "../../base/numbers.ts";
import { BUFFER, type Problem } from "../plan.ts";
import { writeReduction } from "../common/reduction.ts";
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";
import { COPIES_PER_MICROSECOND, type PhaseBuilder } from "../phase_builder.ts";

/** Weights that one tile of the packing phase copies. */
const PACK_TILE_ELEMENTS = 16 * 1024;

/**
 * Packs the weights of one phase, from `[ic][oc][tap]` to `[oc][ic][phase tap]` in every group.
 *
 * @param taps Positions of the phase's taps in a kernel.
 * @param start Where the phase begins in the packed weights, in elements.
 */
export function addWeightPacking(
  pack: PhaseBuilder,
  { geometry: g, target }: Problem,
  taps: readonly number[],
  start: number,
): void {
  if (taps.length === 0) return;
  const first = least(taps);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const kernel = product(g.kernel) * FLOAT_BYTES;
  const source = range(inChannels).flatMap((ic) =>
    taps.map((tap) => ic * outChannels * kernel + (tap - first) * FLOAT_BYTES)
  );
  const packedPitch = source.length * FLOAT_BYTES;
  const block = Math.max(1, Math.min(outChannels, Math.floor(PACK_TILE_ELEMENTS / source.length)));
  pack.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: {
        count: g.groups,
        steps: {
          weight: inChannels * outChannels * kernel,
          packedWeight: outChannels * packedPitch,
        },
      },
      channels: { count: outChannels, block, steps: { weight: kernel, packedWeight: packedPitch } },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: first * FLOAT_BYTES },
      packedWeight: { buffer: BUFFER.packedWeight, offset: start * FLOAT_BYTES },
    },
    itemCost: source.length / COPIES_PER_MICROSECOND,
    write: ({ channels }) => packProgram(source, kernel, channels, target.lanes),
    // Phases whose taps are equally far apart share their programs.
    key: JSON.stringify(taps.map((tap) => tap - first)),
  });
}

/** Gathers the weights at `source` for each of `channels` output channels, `kernel` bytes apart. */
function packProgram(
  source: readonly number[],
  kernel: number,
  channels: number,
  lanes: number,
): Program {
  const code = new ProgramBuilder(
    `pack weights ${channels}oc x ${source.length}`,
    lanes,
    PACK_PARAMETERS,
  );
  code.loop(channels, () => {
    writeReduction(code, FROM, TO, source, (offsets) => {
      for (let i = 0; i < offsets.length; i += lanes) {
        const value = code.register();
        const group = offsets.slice(i, i + lanes);
        code.gather(value, FROM, group);
        code.store(value, TO, i * FLOAT_BYTES, group.length);
      }
    });
    code.advance(FROM, kernel);
  });
  return code.build();
}
