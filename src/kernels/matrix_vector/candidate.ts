/**
 * What the products of a matrix and a vector offer: convolutions with one output position.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { multiplyAddNanoseconds } from "../common/costs.ts";
import type { Candidate, Problem } from "../plan.ts";

import { planMatrixVector, termsOf } from "./plan.ts";
import { countSeen, isInOrder } from "./seen.ts";

/** Elements of a plane that are brought together; more make programs too long. */
const MOST_GATHERED = 512;

/** Terms of a sum, and outputs: instructions reach no further than eight times as many. */
const MOST_ELEMENTS = 2 ** 25;

/** A group of fewer products is done before the next one is begun; others take many groups at a time. */
const LEAST_PRODUCTS = 8;

/** Output channels that pay for bringing together what they see. */
const LEAST_CHANNELS = 4;

/**
 * Convolutions with one output position, and of those that are transposed, with one input position.
 *
 * The estimate is of the multiply-adds alone: nobody has fewer, and nobody reads fewer weights.
 */
export function matrixVectorCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target } = problem;
  if (!applies(g)) return null;
  const products = g.batch * g.outChannels * termsOf(g);
  return {
    nanoseconds: products / target.lanes * multiplyAddNanoseconds(target),
    plan: () => planMatrixVector(problem),
  };
}

function applies(g: Geometry): boolean {
  if (product(g.output) > 1) return false;
  const terms = termsOf(g);
  if (Math.max(g.groups * terms, g.outChannels) > MOST_ELEMENTS) return false;
  const channels = g.outChannels / g.groups;
  if (g.groups > 1 && channels * terms < LEAST_PRODUCTS) return false;
  if (g.transposed) return product(g.kernel) === 1 && isInOrder(g);
  const seen = countSeen(g);
  const isPacked = seen < product(g.kernel);
  if (isInOrder(g)) return !isPacked || seen <= MOST_GATHERED;
  return seen <= MOST_GATHERED && channels >= LEAST_CHANNELS;
}
