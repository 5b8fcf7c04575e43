/**
 * Sizes of the buffers that every plan has.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { BufferSpec } from "../engine/work.ts";
import type { PlanRequest } from "./plan.ts";

/**
 * The buffers of a plan, in the order of `BUFFER`. Each is larger than its contents by one vector,
 * which the last vector load of a row or of a kernel's weights may reach into.
 *
 * @param request What is planned.
 * @param paddedElements Elements of the packed input, 0 if the input is used where it lies.
 * @param packedElements Elements of the packed weights, 0 if they are used as they are.
 * @param scratchBytes Scratch memory of one tile.
 */
export function planBuffers(
  { geometry: g, hasBias, epilogue, target }: PlanRequest,
  paddedElements: number,
  packedElements: number,
  scratchBytes: number,
): BufferSpec[] {
  const slack = target.lanes;
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  const spec = (name: string, elements: number): BufferSpec => ({
    name,
    bytes: elements === 0 ? 0 : (elements + slack) * FLOAT_BYTES,
  });
  const outputs = g.batch * g.outChannels * product(g.output);
  return [
    spec("input", g.batch * g.inChannels * product(g.input)),
    spec("weight", g.outChannels * g.inChannels / g.groups * product(g.kernel)),
    spec("bias", hasBias ? g.outChannels : 0),
    spec("output", outputs),
    spec("padded", paddedElements),
    spec("packedWeight", packedElements),
    { name: "scratch", bytes: scratchBytes, perThread: true },
    spec("add", epilogue.add ? outputs : 0),
  ];
}
