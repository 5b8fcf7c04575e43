import { assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import { chooseLanes, type LaneWork } from "../../../src/kernels/direct/lanes.ts";

/** A 3x3 convolution of 64 channels on rows of 14 pixels. */
const SHORT_ROWS: LaneWork = {
  target: AVX512_TARGET,
  inChannels: 64,
  outChannels: 64,
  taps: 9,
  rows: 14,
  columns: 14,
  pixelStep: 4,
  channelPitch: 14 * 14 * 4,
  copies: { pixels: 0, channels: 0 },
};

Deno.test("chooseLanes() gives short rows channels, where elements are broadcast cheaply", () => {
  assertStrictEquals(chooseLanes(SHORT_ROWS), "channels");
  assertStrictEquals(chooseLanes({ ...SHORT_ROWS, columns: 7, target: AVX2_TARGET }), "channels");
  assertStrictEquals(chooseLanes({ ...SHORT_ROWS, target: WASM_TARGET }), "pixels");
});

Deno.test("chooseLanes() gives few channels pixels", () => {
  assertStrictEquals(chooseLanes({ ...SHORT_ROWS, outChannels: 4 }), "pixels");
  assertStrictEquals(chooseLanes({ ...SHORT_ROWS, inChannels: 1, outChannels: 1 }), "pixels");
});

Deno.test("chooseLanes() does not scatter to planes that share few cache sets", () => {
  const square = { ...SHORT_ROWS, rows: 32, columns: 32, channelPitch: 64 * 64 * 4 };
  assertStrictEquals(chooseLanes({ ...square, pixelStep: 8 }), "pixels");
});

Deno.test("chooseLanes() gives channels to planes that share cache sets where pixels are side by side", () => {
  const square = { ...SHORT_ROWS, rows: 32, columns: 32, channelPitch: 32 * 32 * 4 };
  assertStrictEquals(chooseLanes(square), "channels");
});

Deno.test("chooseLanes() weighs what has to be packed", () => {
  const copies = { pixels: 0, channels: 10_000_000 };
  assertStrictEquals(chooseLanes({ ...SHORT_ROWS, copies }), "pixels");
});
