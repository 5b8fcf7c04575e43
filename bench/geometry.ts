import { type Geometry, geometryOf as geometryOfSettings } from "../src/convolution/geometry.ts";
import { resolveSettings } from "../src/convolution/settings.ts";
import { Conv, ConvTranspose, type Layer } from "../mod.ts";

/** The sizes of a layer on an input of some shape, batched. */
export function geometryOf(layer: Layer, inputShape: readonly number[]): Geometry {
  const [batch = 1, , ...spatial] = inputShape;
  const rank = spatial.length === 1 ? 1 : spatial.length === 2 ? 2 : 3;
  const { inChannels, outChannels, kernelSize, stride, dilation, padding, groups } = layer;
  const transposed = layer instanceof ConvTranspose;
  const subject = { name: "layer", transposed, rank, inChannels, outChannels, kernelSize } as const;
  const options = {
    stride,
    dilation,
    padding,
    groups,
    ...(layer instanceof Conv ? { paddingMode: layer.paddingMode } : {}),
    ...(layer instanceof ConvTranspose ? { outputPadding: layer.outputPadding } : {}),
  };
  const settings = resolveSettings(subject, options, Object.keys(options));
  return geometryOfSettings(settings, batch, spatial);
}
