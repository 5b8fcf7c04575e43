import type { Geometry } from "../src/convolution/geometry.ts";
import { resolveCall } from "../src/layers/call.ts";
import { settingsOf } from "../src/layers/layer.ts";
import type { Layer } from "../mod.ts";

/** The sizes of a layer on an input of some shape. */
export function geometryOf(layer: Layer, inputShape: readonly number[]): Geometry {
  const expected = `the layer was built for ${layer.inChannels}`;
  return resolveCall(settingsOf(layer), inputShape, undefined, expected).geometry;
}
