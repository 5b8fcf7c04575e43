import type { Size, SizeOptions } from "../../src/convolution/settings.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { caseOf } from "./_cases.ts";

type Channels = readonly [inChannels: number, outChannels: number];

function sized(
  transposed: boolean,
  [inChannels, outChannels]: Channels,
  kernelSize: Size,
  spatial: readonly number[],
  options: SizeOptions = {},
  batch = 1,
): LayerCase {
  const rank = spatial.length === 1 ? 1 : spatial.length === 2 ? 2 : 3;
  return caseOf({
    transposed,
    rank,
    batch,
    inChannels,
    outChannels,
    kernelSize,
    spatial,
    options,
    seed: 0,
  });
}

function conv(
  channels: Channels,
  kernelSize: Size,
  spatial: readonly number[],
  options?: SizeOptions,
  batch?: number,
): LayerCase {
  return sized(false, channels, kernelSize, spatial, options, batch);
}

/** Valid sizes that a plan must not cost more for than others. */
export const EXTREME_SIZES: Readonly<Record<string, LayerCase>> = {
  "100 million samples": conv([1, 1], 3, [1e8]),
  "140 million samples": conv([1, 1], 3, [1.4e8]),
  "as many samples as an array holds": conv([1, 1], 3, [2 ** 32 - 2], { padding: 1 }),
  "16 channels of 10 million samples": conv([16, 16], 3, [1e7]),
  "64 channels of 10 million samples": conv([64, 64], 3, [1e7], { padding: 1 }),
  "64 channels of 10 million samples, 5 taps": conv([64, 64], 5, [1e7], { padding: "same" }),
  "64 channels of 10 million samples, reflected": conv([64, 64], 9, [1e7], {
    padding: 4,
    paddingMode: "reflect",
  }),
  "64 depthwise channels of 10 million samples": conv([64, 64], 7, [1e7], {
    padding: 3,
    groups: 64,
  }),
  "80 channels of 10 million samples, stride 2": conv([80, 80], 3, [1e7], { stride: 2 }),
  "100 thousand taps": conv([4, 4], 100_000, [200_000]),
  "100 thousand taps of one channel": conv([1, 1], 100_000, [200_000], { padding: "same" }),
  "100 thousand depthwise taps": conv([32, 32], 100_000, [200_000], { groups: 32 }),
  "100 thousand taps for one output": conv([16, 16], 100_000, [100_000]),
  "100 thousand taps, 16 channels": conv([16, 16], 100_000, [200_000]),
  "100 thousand taps of a row": conv([4, 4], [1, 100_000], [3, 200_000]),
  "100 thousand taps of a column": conv([4, 4], [100_000, 1], [200_000, 3]),
  "3 rows of 100 thousand taps": conv([4, 4], [3, 100_000], [9, 120_000]),
  "100 thousand rows of 3 taps": conv([16, 16], [100_000, 3], [100_100, 20]),
  "300 x 300 taps": conv([1, 1], 300, [600, 600]),
  "300 x 300 taps, 16 channels": conv([16, 16], 300, [400, 400], { padding: "same" }),
  "300 x 300 taps with stride 7 and dilation 3": conv([8, 16], 300, [1200, 1200], {
    stride: 7,
    dilation: 3,
    padding: 150,
  }),
  "300 x 300 taps, all but one of which see the padding": conv([16, 16], 299, [9, 9], {
    dilation: 10,
    padding: 1490,
  }),
  "64 x 64 x 64 taps": conv([4, 4], 64, [80, 80, 80]),
  "64 x 64 x 64 taps, 16 channels": conv([16, 16], 64, [70, 70, 70], { padding: 32 }),
  "a padding of 100 million": conv([1, 1], 3, [10], { padding: 1e8 }),
  "a padding of 100 million, 16 channels": conv([16, 16], 3, [10], { padding: 1e7 }),
  "a padding of 100 million at the begin": conv([1, 1], 3, [10], { padding: [[1e8, 0]] }),
  "a padding of 100 million at the end": conv([4, 32], 5, [10], { padding: [[0, 3e7]] }),
  "a padding of a million around one sample": conv([64, 64], 3, [1], { padding: 1e6 }),
  "a padding of a million beside 1 x 1": conv([3, 3], [1, 3], [1, 1], { padding: [0, 1e6] }),
  "a padding of 10 thousand around 1 x 1": conv([1, 1], 3, [1, 1], { padding: 1e4 }),
  "a padding of 400 around 1 x 1 x 1": conv([1, 1], 3, [1, 1, 1], { padding: 400 }),
  "a repeated sample": conv([1, 1], 3, [1], { padding: 1e8, paddingMode: "replicate" }),
  "a mirror of 50 million samples": conv([1, 1], 5, [5e7], {
    padding: 5e7 - 1,
    paddingMode: "reflect",
  }),
  "a circle of 50 million samples": conv([1, 1], 5, [5e7], {
    padding: 5e7,
    paddingMode: "circular",
  }),
  "16 mirrored channels": conv([16, 16], 3, [1e6], { padding: 999_999, paddingMode: "reflect" }),
  "a padding of 100 million that a stride leaps": conv([1, 1], 3, [10], {
    padding: 1e8,
    stride: 1e8,
  }),
  "a dilation of 100 million": conv([1, 1], 3, [10], { dilation: 1e8, padding: 1e8 }),
  "a dilation of a million, 64 channels": conv([64, 64], 3, [100], {
    dilation: 1e6,
    padding: 1e6,
  }),
  "a dilation of a million, depthwise": conv([64, 64], 3, [100], {
    dilation: 1e6,
    padding: 1e6,
    groups: 64,
  }),
  "a dilation of a million inside the input": conv([8, 16], 3, [5e6], {
    dilation: 1e6,
    padding: 1e6,
  }),
  "a dilation of 1000 x 1000": conv([32, 32], 3, [64, 64], { dilation: 1000, padding: 1000 }),
  "49 taps a million apart, depthwise": conv([4, 4], 49, [5e7], { dilation: 1e6, groups: 4 }),
  "a stride of a million": conv([1, 1], 3, [1e8], { stride: 1e6 }),
  "a stride of a million, as long as the kernel": conv([1, 16], 1e6, [1e8], { stride: 1e6 }),
  "a stride of 4096, half as long as the kernel": conv([2, 16], 8192, [4e6], { stride: 4096 }),
  "a stride of 300 x 300, as large as the kernel": conv([3, 32], 300, [1200, 1200], {
    stride: 300,
  }),
  "a stride larger than the input": conv([16, 16], 3, [5, 5], { stride: 2 ** 40, padding: 1 }),
  "a million channels for one": conv([1e6, 1], 1, [4, 4]),
  "one channel for a million": conv([1, 1e6], 1, [4, 4]),
  "100 thousand channels for 100": conv([1e5, 100], 1, [8, 8]),
  "100 thousand channels for 100, one position": conv([1e5, 100], 3, [3, 3]),
  "65536 depthwise channels": conv([65_536, 65_536], 3, [8, 8], { padding: 1, groups: 65_536 }),
  "65536 groups of two": conv([131_072, 131_072], 3, [4, 4], { padding: 1, groups: 65_536 }),
  "65536 groups of one channel and one tap": conv([65_536, 65_536], 1, [8], { groups: 65_536 }),
  "a million images of 3 x 3": conv([1, 1], 3, [3, 3], {}, 1e6),
  "a million images of 6 x 6, 4 channels": conv([4, 4], 3, [6, 6], { padding: 1 }, 1e6),
  "a million images of one pixel": conv([8, 8], 1, [1, 1], {}, 1e6),
  "30000 x 30000 pixels": conv([1, 1], 3, [30_000, 30_000], { padding: 1 }),
  "30000 x 4000 pixels, 3 channels": conv([3, 3], 7, [30_000, 4000], { padding: "same" }),
  "16 channels of 6000 x 6000 pixels": conv([16, 16], 3, [6000, 6000], { padding: 1 }),
  "a row of 100 million pixels": conv([1, 1], [1, 3], [1, 1e8]),
  "a column of 100 million pixels": conv([1, 1], [3, 1], [1e8, 1]),
  "8 rows of 50 million pixels": conv([1, 1], [3, 3], [8, 5e7], { padding: 1 }),
  "50 million rows of 8 pixels": conv([1, 1], [3, 3], [5e7, 8], { padding: 1 }),
  "1000 x 1000 x 1000 voxels": conv([1, 1], 3, [1000, 1000, 1000], { padding: 1 }),
  "3 planes of 20000 x 20000 pixels": conv([1, 1], 3, [3, 20_000, 20_000], { padding: 1 }),
  "32 channels of 100 million planes": conv([2, 2], [3, 1, 1], [3e7, 2, 2], { padding: [1, 0, 0] }),
};

/** Valid sizes that no engine with its default memory can compute. */
export const TOO_LARGE_SIZES: Readonly<Record<string, LayerCase>> = {
  "weights of 4 GB": conv([1000, 1000], 1000, [2000]),
  "100 thousand taps of 400 x 400 channels": conv([400, 400], 1e5, [1e5]),
  "a window of 300 million elements": conv([300, 1], [1000, 1000], [1000, 1000]),
};
