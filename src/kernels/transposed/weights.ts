/**
 * Packing of the weights of a transposed convolution for kernels with pixels in the lanes.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import { least, product, range } from "../../base/numbers.ts";
import { BUFFER, type Problem } from "../plan.ts";
import { writeReduction } from "../common/reduction.ts";
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
  pack.add(
    [
      {
        count: g.groups,
        block: 1,
        steps: [inChannels * outChannels * kernel, outChannels * packedPitch],
      },
      { count: outChannels, block, steps: [kernel, packedPitch] },
    ],
    [
      { buffer: BUFFER.weight, offset: first * FLOAT_BYTES },
      { buffer: BUFFER.packedWeight, offset: start * FLOAT_BYTES },
    ],
    source.length / COPIES_PER_MICROSECOND,
    ([, channels = 1]) => packProgram(source, kernel, channels, target.lanes),
    // Phases whose taps are equally far apart share their programs.
    JSON.stringify(taps.map((tap) => tap - first)),
  );
}

/** Gathers the weights at `source` for each of `channels` output channels, `kernel` bytes apart. */
function packProgram(
  source: readonly number[],
  kernel: number,
  channels: number,
  lanes: number,
): Program {
  const code = new ProgramBuilder(`pack weights ${channels}oc x ${source.length}`, lanes, 2);
  const [from, to] = [0, 1];
  code.loop(channels, () => {
    writeReduction(code, from, to, source, (offsets) => {
      for (let i = 0; i < offsets.length; i += lanes) {
        const value = code.register();
        const group = offsets.slice(i, i + lanes);
        code.gather(value, from, group);
        code.store(value, to, i * FLOAT_BYTES, group.length);
      }
    });
    code.advance(from, kernel);
  });
  return code.build();
}
