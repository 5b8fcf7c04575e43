/**
 * What fills the lanes of a weight's gradient: output channels or pixels.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";

/** What fills the lanes. */
export type GradientLanes = "channels" | "pixels";

export function chooseLanes(g: Geometry, target: Target): GradientLanes {
  return g.outChannels / g.groups >= target.lanes / 2 ? "channels" : "pixels";
}
