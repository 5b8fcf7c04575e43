import { assert } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, type Target, WASM_TARGET } from "../../src/codegen/target.ts";
import { phaseTiles } from "../../src/engine/work.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf } from "../_arbitrary.ts";
import { planOf } from "../_interpret_plan.ts";
import { caseOf } from "./_cases.ts";

/** A phase that takes one thread longer than this is to be cut finely. */
const COSTLY_MICROSECONDS = 300;

/** Enough to balance 16 threads, and so few that claiming them costs nothing. */
const LEAST_TILES = 32;
const MOST_TILES = 256;

function square(channels: number, size: number, options: LayerCase["options"] = {}): LayerCase {
  return caseOf({
    rank: 2,
    inChannels: channels,
    outChannels: channels,
    spatial: [size, size],
    options: { padding: 1, ...options },
  });
}

const LAYERS: Readonly<Record<string, LayerCase>> = {
  "3x3 64 @224": square(64, 224),
  "3x3 128 @28": square(128, 28),
  "3x3 256 @28": square(256, 28),
  "3x3 256 @14": square(256, 14),
  "3x3 512 @14": square(512, 14),
  "1-D 80>384 @3000": caseOf({
    inChannels: 80,
    outChannels: 384,
    spatial: [3000],
    options: { padding: 1 },
  }),
  "3x3x3 64>128 @8x28x28": caseOf({
    rank: 3,
    inChannels: 64,
    outChannels: 128,
    spatial: [8, 28, 28],
    options: { padding: 1 },
  }),
  "3x3 256 @28, dilation 2": square(256, 28, { padding: 2, dilation: 2 }),
  "3x3 512 @28, dilation 4": square(512, 28, { padding: 4, dilation: 4 }),
  "transposed 4x4 stride 2 128 @32": {
    ...square(128, 32, { stride: 2 }),
    transposed: true,
    kernelSize: 4,
  },
  "depthwise 3x3 32 @112": square(32, 112, { groups: 32 }),
  "depthwise 3x3 stride 2 64 @112": square(64, 112, { groups: 64, stride: 2 }),
  "depthwise 7x7 96 @56": { ...square(96, 56, { groups: 96, padding: 3 }), kernelSize: 7 },
};

/** A row of 14 or 28 tiles nearly fills vectors of 16: finer ones would leave lanes empty. */
const COARSE: Readonly<Record<string, LayerCase>> = {
  "3x3 64 @56": square(64, 56),
  "5x5 64 @56": { ...square(64, 56, { padding: 2 }), kernelSize: 5 },
};

function assertTiles(layerCase: LayerCase, target: Target, least: number): void {
  const plan = planOf(geometryOf(layerCase), true, target, NO_EPILOGUE, "auto");
  for (const phase of plan.phases) {
    if (phase.cost < COSTLY_MICROSECONDS) continue;
    const tiles = phaseTiles(phase);
    const about = `${phase.name}, ${phase.cost} microseconds: ${tiles} tiles`;
    assert(tiles >= least && tiles <= MOST_TILES, about);
  }
}

for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
  for (const [name, layerCase] of Object.entries(LAYERS)) {
    Deno.test(`Threads share the costly phases of ${name} evenly, ${target.name}`, () => {
      assertTiles(layerCase, target, LEAST_TILES);
    });
  }

  for (const [name, layerCase] of Object.entries(COARSE)) {
    Deno.test(`Threads share the costly phases of ${name}, ${target.name}`, () => {
      assertTiles(layerCase, target, 14);
    });
  }
}
