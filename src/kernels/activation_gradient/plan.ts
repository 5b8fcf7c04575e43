/**
 * The gradient in front of an activation: that behind it, times how steep the activation is there.
 *
 * What is planned goes element by element, as `convolution/adjoint.ts` says. The plan's input is the gradient; in
 * place of what is added to an output lies what the activation was applied to, or its own output.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { type ActivationSettings, RELU6_LIMIT } from "../../convolution/epilogue.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { resultSteps } from "../common/store.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";

const PARAMETERS = ["input", "add", "output"] as const;

const { input: GRADIENT, add: VALUES, output: OUTPUT } = indicesOf(PARAMETERS);

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Microseconds of an element, of which two are read and one is written. */
const ELEMENT_COST = 1.5 / COPIES_PER_MICROSECOND;

/** Plans the gradients of all elements. */
export function planActivationGradient(problem: Problem): PlanBody {
  const { geometry, epilogue, target } = problem;
  const elements = product(geometry.output);
  const block = evenBlock(elements, 1, elements * ELEMENT_COST, TILE_COST);
  const phase = new PhaseBuilder("activation gradient");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      elements: {
        count: elements,
        block: Math.ceil(block / target.lanes) * target.lanes,
        steps: { input: FLOAT_BYTES, ...resultSteps(FLOAT_BYTES) },
      },
    },
    bases: {
      input: { buffer: BUFFER.input, offset: 0 },
      add: { buffer: BUFFER.add, offset: 0 },
      output: { buffer: BUFFER.output, offset: 0 },
    },
    itemCost: ELEMENT_COST,
    write: ({ elements: some }) => gradientProgram(target, epilogue, some),
  });
  return {
    family: "activation-gradient",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(problem, {}).with(BUFFER.weight, { name: "weight", bytes: 0 }),
    preparation: [],
    phases: [phase.build()],
  };
}

/** Vectors of a turn: enough to hide what a loop takes. */
const VECTORS = 4;

function gradientProgram(
  { lanes }: Target,
  activation: ActivationSettings,
  elements: number,
): Program {
  const code = new ProgramBuilder(
    `activation gradient ${elements} x ${activation.activation}`,
    lanes,
    PARAMETERS,
  );
  const [gradient, at] = [code.register(), code.register()];
  const steepen = steepening(code, activation);
  const vectorBytes = lanes * FLOAT_BYTES;
  const vector = (offset: number, count: number) => {
    code.load(gradient, GRADIENT, offset, count);
    code.load(at, VALUES, offset, count);
    steepen(gradient, at);
    code.store(gradient, OUTPUT, offset, count);
  };
  const steps = [[GRADIENT, vectorBytes], [VALUES, vectorBytes], [OUTPUT, vectorBytes]] as const;
  const vectors = Math.floor(elements / lanes);
  code.blocks(vectors, VECTORS, steps, (count) => {
    for (const i of range(count)) vector(i * vectorBytes, lanes);
  });
  const rest = elements % lanes;
  if (rest > 0) code.displaced(steps, vectors, () => vector(0, rest));
  return code.build();
}

/** Makes of a vector of gradients behind the activation, and of values that may be changed, those in front of it. */
type Steepen = (gradient: Register, at: Register) => void;

/** Sets up what all vectors have in common. A value that is not a number is on no side: the gradient stays. */
function steepening(
  code: ProgramBuilder,
  { activation, negativeSlope }: ActivationSettings,
): Steepen {
  if (activation === "leakyRelu" && negativeSlope !== 0) return leaning(code, negativeSlope);
  const zero = code.register();
  code.zero(zero);
  const lower: Steepen = (gradient, at) => code.select(gradient, at, gradient, zero);
  if (activation !== "relu6") return lower;
  const limit = code.register();
  code.constant(limit, RELU6_LIMIT);
  return (gradient, at) => {
    lower(gradient, at);
    // What is left to the limit is at most 0 from there on: of different numbers no difference rounds to 0.
    code.sub(at, limit, at);
    lower(gradient, at);
  };
}

/** Those of a slope for negative values. */
function leaning(code: ProgramBuilder, slope: number): Steepen {
  const parts = partsOf(slope).map((part) => {
    const factor = code.register();
    code.constant(factor, part);
    return factor;
  });
  const [high = 0, low] = parts;
  const product = code.register();
  return (gradient, at) => {
    if (low === undefined) code.mul(product, gradient, high);
    else {
      code.mul(product, gradient, low);
      code.fmaOnce(product, gradient, high);
    }
    code.select(gradient, at, gradient, product);
  };
}

/** Bits of a float32's fraction. */
const FRACTION_BITS = 23;

/**
 * A number as float32 numbers, the largest first, whose sum it is but for 2 ** -46 of it: products are rounded once,
 * as they would be with the number itself. Both have its sign: so of products with infinity and with -0 the sum is
 * that again.
 */
function partsOf(value: number): number[] {
  const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - FRACTION_BITS);
  const rest = value % step;
  return rest === 0 ? [value] : [value - rest, rest];
}
