import type { Block } from "../../src/engine/heap.ts";
import type { Runtime, Task } from "../../src/engine/runtime.ts";
import { unitsOf } from "../../src/engine/job.ts";
import { bufferBytes, type Phase } from "../../src/engine/work.ts";
import type { Geometry } from "../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { planFor } from "../../src/kernels/choose.ts";
import { BUFFER, type Plan } from "../../src/kernels/plan.ts";
import { copyBiases } from "../../src/kernels/single_position.ts";
import type { CaseOperands } from "../_arbitrary.ts";

/** A convolution to be done. */
export interface Exercise {
  readonly geometry: Geometry;
  readonly operands: CaseOperands;
}

/**
 * Convolutions one after the other as a task for a runtime of one's own, the memory of each being
 * given back before the next, as the pieces of a large one are computed.
 */
export function* convolutionTask(
  runtime: Runtime,
  exercises: readonly Exercise[],
): Task<Float32Array[]> {
  const outputs: Float32Array[] = [];
  for (const exercise of exercises) {
    runtime.renew();
    outputs.push(yield* convolution(runtime, exercise));
  }
  return outputs;
}

/** One convolution, as a part of a task that may hold other memory. */
export function* convolution(
  runtime: Runtime,
  { geometry, operands }: Exercise,
): Task<Float32Array> {
  const plan = planFor({
    geometry,
    pass: "forward",
    hasBias: operands.bias !== null,
    epilogue: NO_EPILOGUE,
    algorithm: "direct",
    target: runtime.target,
  });
  return yield* planTask(runtime, plan, { geometry, operands });
}

/**
 * A plan's phases as a task, the preparation first.
 *
 * @param published Called with the index of each phase that others may take part in, before this thread does.
 */
export function* planTask(
  runtime: Runtime,
  plan: Plan,
  { geometry, operands: { input, weight, bias } }: Exercise,
  published: (phase: number) => void = () => {},
): Task<Float32Array> {
  const blocks: Block[] = [];
  try {
    for (const spec of plan.buffers) {
      blocks.push(runtime.allocate(bufferBytes(spec, runtime.threads)));
    }
    const bases = blocks.map(({ address }) => address);
    const view = (buffer: number, length: number) => runtime.floats(bases[buffer] ?? 0, length);
    view(BUFFER.input, input.length).set(input);
    view(BUFFER.weight, weight.length).set(weight);
    if (bias !== null) {
      const { biasCopies } = plan;
      copyBiases(view(BUFFER.bias, bias.length * biasCopies), bias, biasCopies);
    }
    for (const [index, phase] of phasesOf(plan).entries()) {
      // A buffer that nobody reads is filled when the phase has been published.
      const filling = { buffer: NO_BUFFER, length: 1, isLive: true, copy: () => published(index) };
      // However little work it is, the workers are to have a part in it.
      yield { phase: costly(phase), bases, filling: unitsOf(phase) > 1 ? filling : null };
    }
    const { batch, outChannels, output } = geometry;
    return view(BUFFER.output, output.reduce((a, b) => a * b, batch * outChannels)).slice();
  } finally {
    for (const block of blocks) runtime.release(block);
  }
}

/** Every phase of a plan, the preparation first. */
export function phasesOf({ preparation, phases }: Plan): readonly Phase[] {
  return [...preparation, ...phases];
}

const NO_BUFFER = -1;

const costlyPhases = new WeakMap<Phase, Phase>();

/** A phase that is always shared; the same object for the same phase, as code is kept by it. */
function costly(phase: Phase): Phase {
  const known = costlyPhases.get(phase) ?? { ...phase, cost: 1e6 };
  costlyPhases.set(phase, known);
  return known;
}
