/**
 * What a convolution is cut into on an engine, and how each piece is computed.
 *
 * @module
 */

import type { Runtime } from "../engine/runtime.ts";
import type { Geometry } from "../convolution/geometry.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import { planFor } from "../kernels/choose.ts";
import { type Form, type Plan, planBytes } from "../kernels/plan.ts";
import { type Piece, piecesOf, wholePiece } from "./pieces.ts";

/** A piece and how it is computed. */
export type PlannedPiece = Piece<Plan>;

/** The rest of the memory is for code, job descriptions and what is kept between calls. */
const USABLE_SHARE = 0.9;

/** More pieces are not kept: they take much memory, and to find them again takes little beside computing them. */
const MOST_KEPT = 64;

/** Pieces that are known, by the object that describes the sizes: a layer uses it while shapes repeat. */
const known = new WeakMap<Geometry, Map<string, readonly PlannedPiece[]>>();

/**
 * Cuts a convolution into pieces that fit into the memory. How many threads there are must not change what is
 * computed: pieces leave room for one, and the others get what is left.
 *
 * The formula takes least memory: where nothing else is asked for, it is what is left, and for what cannot be cut.
 *
 * @throws {RangeError} If it does not fit even in pieces.
 */
export function plannedPieces(
  runtime: Runtime,
  geometry: Geometry,
  form: Form,
): readonly PlannedPiece[] {
  const key = keyOf(runtime, form);
  const forms = known.get(geometry) ?? new Map<string, readonly PlannedPiece[]>();
  const pieces = forms.get(key) ?? cut(runtime, geometry, form, form.algorithm);
  if (pieces.length <= MOST_KEPT) known.set(geometry, forms.set(key, pieces));
  return pieces;
}

/** The only piece of a convolution, if it is known to be one piece. */
export function knownPiece(
  runtime: Runtime,
  geometry: Geometry,
  form: Form,
): PlannedPiece | null {
  const [piece = null, ...others] = known.get(geometry)?.get(keyOf(runtime, form)) ?? [];
  return others.length === 0 ? piece : null;
}

function cut(
  runtime: Runtime,
  geometry: Geometry,
  form: Form,
  algorithm: Algorithm,
): PlannedPiece[] {
  const { target, capacity } = runtime;
  const planner = {
    planOf: (part: Geometry) => planFor({ geometry: part, ...form, algorithm, target }),
    bytesOf: (plan: Plan) => planBytes(plan, 1),
    isWeighted: form.pass !== "unfold",
  };
  const usable = Math.floor(capacity * USABLE_SHARE);
  const isWhole = form.pass !== "forward" && form.pass !== "unfold";
  try {
    return isWhole ? [wholePiece(geometry, planner, usable)] : piecesOf(geometry, planner, usable);
  } catch (error) {
    const isAsked = algorithm === "direct" || algorithm === "winograd" && !isWhole;
    if (isAsked || !(error instanceof RangeError)) throw error;
    return cut(runtime, geometry, form, "direct");
  }
}

/** All that besides the geometry decides on the pieces and their plans. */
function keyOf({ target, capacity }: Runtime, form: Form): string {
  const { pass, hasBias, algorithm, epilogue: { add, activation, negativeSlope } } = form;
  const { name, fusesMultiplyAdd } = target;
  return `${name} ${fusesMultiplyAdd} ${capacity} ${pass} ${hasBias} ${algorithm} ${add} ${activation} ${negativeSlope}`;
}
