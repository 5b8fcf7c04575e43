import { assert, assertStrictEquals } from "@std/assert";
import type { Target } from "../../src/codegen/target.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { usableRegisters } from "../../src/kernels/common/register_tile.ts";
import type { Form, KernelFamily, Plan, PlanBody, Problem } from "../../src/kernels/plan.ts";
import { geometryOf, type LayerCase, operandsOf } from "../_arbitrary.ts";
import {
  behindOutput,
  findWrongOutput,
  multiplyAddOf,
  outputOf,
  runPlan,
} from "../_interpret_plan.ts";
import { liveRegisters } from "../_live_registers.ts";

/** A case as the planners are given it: without an epilogue, the choice left to them. */
export function problemOf(
  layerCase: LayerCase,
  target: Target,
  form: Partial<Form> = {},
): Problem {
  const geometry = geometryOf(layerCase);
  const usual = {
    pass: "forward",
    hasBias: layerCase.bias,
    epilogue: NO_EPILOGUE,
    algorithm: "auto",
  } as const;
  return { geometry, target, ...usual, ...form };
}

/** What a family offers for a case, whether it would be chosen or not. */
export function planBy(
  candidate: KernelFamily["candidate"],
  layerCase: LayerCase,
  target: Target,
  form: Partial<Form> = {},
): Plan {
  const offer = candidate(problemOf(layerCase, target, form));
  if (offer === null) {
    throw new RangeError(`${target.name}: the family is not for ${JSON.stringify(layerCase)}`);
  }
  return withId(offer.plan());
}

/** What a planner makes of a case, whether its family would offer it or not. */
export function planWith(
  planner: (problem: Problem) => PlanBody,
  layerCase: LayerCase,
  target: Target,
  form: Partial<Form> = {},
): Plan {
  return withId(planner(problemOf(layerCase, target, form)));
}

function withId(body: PlanBody): Plan {
  return { ...body, id: "test", biasCopies: 1 };
}

/**
 * Runs a case's plan with every access checked: its programs find registers enough, the output is the
 * formula's, and nothing is written behind it.
 *
 * @returns The output.
 */
export function assertComputes(plan: Plan, layerCase: LayerCase, target: Target): Float32Array {
  const message = `${target.name} ${JSON.stringify(layerCase)}`;
  assertFits(plan, target);
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const memory = runPlan(plan, operands, undefined, multiplyAddOf(target));
  const output = outputOf(memory, geometry);
  assertStrictEquals(findWrongOutput(geometry, operands, output, plan.family), null, message);
  assert(behindOutput(memory, geometry).every(Number.isNaN), `${message}: it writes too far`);
  return output;
}

/** Whether a plan's programs find registers enough; WebAssembly's compiler has the stack as well. */
export function assertFits(
  { preparation, phases }: Pick<Plan, "preparation" | "phases">,
  target: Target,
): void {
  if (target.name === "wasm") return;
  for (const program of [...preparation, ...phases].flatMap(({ programs }) => programs)) {
    const live = liveRegisters(program);
    assert(live <= usableRegisters(target), `${target.name} ${program.name}: ${live} live`);
  }
}
