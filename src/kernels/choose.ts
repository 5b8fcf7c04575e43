/**
 * From the description of a convolution to its plan: which kernel family computes it.
 *
 * @module
 */

import type { Geometry } from "../convolution/geometry.ts";
import { FAMILIES, WITHOUT_RIVALS } from "./families.ts";
import type { Candidate, Plan, PlanBody, Problem } from "./plan.ts";
import { singlePosition } from "./single_position.ts";

/** Plans that are kept; the one that was longest not asked for makes room for a new one. */
const MOST_PLANS = 128;

const plans = new Map<string, Plan>();
let nextId = 1;

/**
 * The plan for a convolution. Equal requests get the same object.
 *
 * @param request The convolution, with at least one batch item, and the target.
 */
export function planFor(request: Problem): Plan {
  const key = JSON.stringify(request);
  const known = plans.get(key);
  if (known !== undefined) {
    plans.delete(key);
    plans.set(key, known);
    return known;
  }
  const plan = makePlan(request, `plan ${nextId++}`);
  const [oldest] = plans.keys();
  if (plans.size >= MOST_PLANS && oldest !== undefined) plans.delete(oldest);
  plans.set(key, plan);
  return plan;
}

function makePlan(request: Problem, id: string): Plan {
  if (request.pass !== "forward") {
    return { ...WITHOUT_RIVALS[request.pass](request), id, biasCopies: 1 };
  }
  const single = request.algorithm === "winograd" ? null : singlePosition(request.geometry);
  if (single === null) return { ...planBody(request), id, biasCopies: 1 };
  const { geometry, biasCopies } = single;
  return { ...planBody({ ...request, geometry }), id, biasCopies };
}

function planBody(problem: Problem): PlanBody {
  const offers = FAMILIES.flatMap(({ name, candidate }) => {
    const offer = candidate(problem);
    return offer === null ? [] : { name, offer };
  });
  const asked = problem.algorithm === "winograd"
    ? offers.find(({ name }) => name === "winograd")
    : undefined;
  const [first, ...others] = asked === undefined ? offers : [asked];
  if (first === undefined) throw new RangeError("No kernels are for such a convolution");
  const weigh = ({ name, offer }: Offer) =>
    offer.nanoseconds * (name === "winograd" ? leastGain(problem.geometry) : 1);
  const best = others.reduce((best, other) => weigh(other) < weigh(best) ? other : best, first);
  return best.offer.plan();
}

/** What a family offers. */
interface Offer {
  readonly name: string;
  readonly offer: Candidate;
}

/** The gain by Winograd's algorithm that pays for more memory and less accuracy. */
const LEAST_GAIN = 1.1;

/**
 * The same with a stride. Its terms multiply the transformed input, and where that leaves the caches, which
 * the costs do not see, 1.18 was a loss: AVX2 took 3.4 milliseconds for 3x3 stride 2 128>128 @56, not 2.7.
 */
const LEAST_STRIDED_GAIN = 1.2;

function leastGain({ transposed, stride }: Geometry): number {
  return !transposed && Math.max(stride[1], stride[2]) > 1 ? LEAST_STRIDED_GAIN : LEAST_GAIN;
}
