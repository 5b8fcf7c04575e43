/**
 * All operators by their names.
 *
 * @module
 */

import type { Operator } from "../graph/site.ts";
import { CONVOLUTIONS } from "./convolution.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { MATRICES } from "./matrices.ts";
import { NORMALIZATIONS } from "./normalization.ts";
import { POOLINGS } from "./pooling.ts";
import { REDUCTIONS } from "./reductions.ts";
import { RESIZES } from "./resize.ts";
import { SHAPES } from "./shapes.ts";

/** Those of ONNX's own domain. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [CONVOLUTIONS, ELEMENTWISE, MATRICES, NORMALIZATIONS, POOLINGS, REDUCTIONS, RESIZES, SHAPES]
    .flatMap((group) => Object.entries(group)),
);
