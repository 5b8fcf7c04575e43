import type { Target } from "../../../src/codegen/target.ts";
import { inputGradientGeometry, weightGradientGeometry } from "../../../src/convolution/adjoint.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import type { Geometry } from "../../../src/convolution/geometry.ts";
import { reference, referenceGradients } from "../../../src/convolution/formula.ts";
import type { Plan, PlanBody, Problem } from "../../../src/kernels/plan.ts";
import { type CaseOperands, geometryOf, type LayerCase, operandsOf } from "../../_arbitrary.ts";

/** The gradient of a case's weights as it is planned, and what it is computed from. */
export interface GradientCase {
  readonly problem: Problem;
  readonly operands: CaseOperands;
  readonly expected: Float64Array;
}

/** @param layerCase With at least one batch item. */
export function gradientCase(layerCase: LayerCase, target: Target): GradientCase {
  const g = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  // Outputs are as good as anything for their gradient.
  const gradient = Float32Array.from(reference(g, operands));
  const { weight: expected } = referenceGradients(g, operands, gradient);
  const [seen, seeing] = g.transposed ? [gradient, operands.input] : [operands.input, gradient];
  return {
    problem: gradientProblem(g, target),
    operands: { input: seen, weight: seeing, bias: null },
    expected,
  };
}

/** A body as a plan. */
export function planOfBody(body: PlanBody): Plan {
  return { ...body, id: "test", biasCopies: 1 };
}

/** The gradient of a layer's weights. */
export function gradientProblem(g: Geometry, target: Target): Problem {
  return {
    geometry: weightGradientGeometry(g.transposed ? inputGradientGeometry(g) : g),
    target,
    pass: "weight gradient",
    hasBias: false,
    epilogue: NO_EPILOGUE,
    algorithm: "auto",
  };
}
