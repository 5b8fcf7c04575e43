/**
 * What the programs have in common that pack weights.
 *
 * @module
 */

import { indicesOf } from "../../base/indices.ts";

/** Their pointer parameters, in order. */
export const PACK_PARAMETERS = ["weight", "packedWeight"] as const;

/** Where weights come from, and where they go. */
export const { weight: FROM, packedWeight: TO } = indicesOf(PACK_PARAMETERS);
