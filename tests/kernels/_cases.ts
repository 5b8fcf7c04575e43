import * as fc from "fast-check";
import type { PaddingMode } from "../../src/convolution/settings.ts";
import type { LayerCase } from "../_arbitrary.ts";

/** A small case of a convolution along one axis, with some changes. */
export function caseOf(changes: Partial<LayerCase>): LayerCase {
  return {
    transposed: false,
    rank: 1,
    batch: 1,
    inChannels: 1,
    outChannels: 1,
    spatial: [8],
    kernelSize: 3,
    bias: true,
    options: {},
    seed: 7,
    ...changes,
  };
}

/** One row of some hundred pixels on many channels, padded by up to all that its mode allows. */
export function longRowCases(): fc.Arbitrary<LayerCase> {
  const share = fc.oneof(fc.constantFrom(0, 0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
  return fc.record({
    transposed: fc.constantFrom(false, false, false, true),
    batch: fc.integer({ min: 1, max: 2 }),
    groups: fc.constantFrom(1, 1, 1, 2),
    inChannels: fc.constantFrom(31, 32, 33, 40),
    outChannels: fc.integer({ min: 1, max: 2 }),
    width: fc.integer({ min: 100, max: 400 }),
    kernelSize: fc.integer({ min: 1, max: 5 }),
    stride: fc.constantFrom(1, 1, 1, 2, 3),
    dilation: fc.integer({ min: 1, max: 3 }),
    begin: share,
    end: share,
    paddingMode: fc.constantFrom<PaddingMode[]>("zeros", "reflect", "replicate", "circular"),
    seed: fc.nat(),
  }).map(({ transposed, batch, groups, inChannels, outChannels, width, ...draft }) => {
    const { kernelSize, stride, dilation, begin, end, paddingMode, seed } = draft;
    const most = transposed
      ? 5
      : { zeros: 9, replicate: 300, reflect: width - 1, circular: width }[paddingMode];
    const padding = [[Math.round(begin * most), Math.round(end * most)] as const];
    return caseOf({
      transposed,
      batch,
      inChannels: inChannels * groups,
      outChannels: outChannels * groups,
      spatial: [width],
      kernelSize,
      options: { stride, dilation, groups, padding, ...(transposed ? {} : { paddingMode }) },
      seed,
    });
  });
}
