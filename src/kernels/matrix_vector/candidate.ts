/**
 * What the products of a matrix and a vector offer: convolutions with one output position.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { multiplyAddNanoseconds } from "../common/costs.ts";
import type { Candidate, Problem } from "../plan.ts";
import { isInOrder, seenShare } from "./input.ts";
import { planMatrixVector, termsOf } from "./plan.ts";

/** Taps that are brought together; more make programs too long. */
const MOST_TAPS = 512;

/** Terms of a sum, and outputs: instructions reach no further than eight times as many. */
const MOST_ELEMENTS = 2 ** 25;

/** A group of fewer products is done before the next one is begun; others take many groups at a time. */
const LEAST_PRODUCTS = 8;

/** Output channels that pay for bringing together what they see. */
const LEAST_CHANNELS = 4;

/**
 * Convolutions with one output position, and of those that are transposed, with one input position.
 *
 * The estimate is of the multiply-adds alone, those left out that see nothing but padding: who computes them
 * otherwise has no fewer, and reads weights that are in the same cache lines.
 */
export function matrixVectorCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target } = problem;
  if (!applies(g)) return null;
  const products = g.batch * g.outChannels * termsOf(g) * seenShare(g);
  return {
    nanoseconds: products / target.lanes * multiplyAddNanoseconds(target),
    plan: () => planMatrixVector(problem),
  };
}

function applies(g: Geometry): boolean {
  if (product(g.output) > 1) return false;
  if (Math.max(g.groups * termsOf(g), g.outChannels) > MOST_ELEMENTS) return false;
  const channels = g.outChannels / g.groups;
  if (g.groups > 1 && channels * termsOf(g) < LEAST_PRODUCTS) return false;
  if (isInOrder(g)) return !g.transposed || product(g.kernel) === 1;
  return !g.transposed && product(g.kernel) <= MOST_TAPS && channels >= LEAST_CHANNELS;
}
