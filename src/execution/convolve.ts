/**
 * From arrays to arrays: plans a convolution, has its pieces run, and collects the output.
 *
 * @module
 */

import { type Engine, runtimeOf } from "../engine/engine.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import type { Geometry } from "../convolution/geometry.ts";
import { BUFFER, type Form, type Plan, planBytes } from "../kernels/plan.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { borrowArray, borrowResult, type Loan, NO_LOANS } from "./loans.ts";
import { copyBetween, copySpans } from "./copies.ts";
import { knownPiece, type PlannedPiece, plannedPieces } from "./plans.ts";
import {
  formOf,
  isRead,
  mayReachArrays,
  type Operands,
  snapshot,
  type StagedOperands,
} from "./operands.ts";
import { makeRoom, placedBytes, placeOutput, type Room, withOutput } from "./placement.ts";
import { runPiece } from "./piece.ts";
import { newOutput, outputLength, runIntoArray, runIntoMemory, runIntoOut } from "./outputs.ts";

/**
 * Computes a convolution and blocks until it is done.
 *
 * @returns The geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolveSync(engine: Engine, geometry: Geometry, operands: Operands): Values {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) return new ArrayValues(operands.out ?? newOutput(geometry));
  const pieces = plannedPieces(runtime, geometry, formOf(operands));
  const staged = { ...operands, call: "sync" } as const;
  return runtime.runSync(convolution(runtime, geometry, pieces, staged));
}

/**
 * Computes a convolution in the background. The operands have been read when the call returns: they
 * may be changed from then on.
 *
 * @returns The geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolve(
  engine: Engine,
  geometry: Geometry,
  operands: Operands,
): Promise<Values> {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) {
    return Promise.resolve(new ArrayValues(operands.out ?? newOutput(geometry)));
  }
  const whole = runtime.idle ? readyPiece(runtime, geometry, formOf(operands)) : null;
  if (whole === null) return runtime.runLater(planned(runtime, geometry, snapshot(operands)));
  const staged = { ...operands, call: "started" } as const;
  return runtime.run(convolution(runtime, geometry, [whole], staged));
}

/**
 * Checks that a convolution can be computed, for those who have to know before it is.
 *
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 * @throws {Error} If the engine is closed.
 */
export function checkComputable(engine: Engine, geometry: Geometry, operands: Operands): void {
  if (geometry.batch === 0) return;
  const runtime = runtimeOf(engine);
  runtime.assertOpen();
  plannedPieces(runtime, geometry, formOf(operands));
}

/** A convolution as one piece, if it can begin at once: it is planned, and the code is there. */
function readyPiece(runtime: Runtime, geometry: Geometry, form: Form): PlannedPiece | null {
  const whole = knownPiece(runtime, geometry, form);
  if (whole === null) return null;
  const { plan } = whole;
  return runtime.hasCode(plan.preparation) && runtime.hasCode(plan.phases) ? whole : null;
}

/** A convolution that is planned first, while the event loop goes round. */
function* planned(
  runtime: Runtime,
  geometry: Geometry,
  operands: StagedOperands,
): Task<Values> {
  let pieces: readonly PlannedPiece[] = [];
  const steps = atOnce(() => {
    pieces = plannedPieces(runtime, geometry, formOf(operands));
  });
  yield { steps };
  return yield* convolution(runtime, geometry, pieces, operands);
}

function* convolution(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly PlannedPiece[],
  operands: StagedOperands,
): Task<Values> {
  const { out } = operands;
  if (out === null || !isRead(out.buffer, operands)) {
    return yield* runPieces(runtime, geometry, pieces, operands);
  }
  // What is still to be read may not be written to.
  const apart = { ...operands, out: null };
  const { elements } = yield* runPieces(runtime, geometry, pieces, apart);
  yield { steps: copyBetween(elements, out) };
  return new ArrayValues(out);
}

function* runPieces(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly PlannedPiece[],
  operands: StagedOperands,
): Task<Values> {
  const [whole, ...others] = pieces;
  if (whole !== undefined && others.length === 0) return yield* runWhole(runtime, whole, operands);
  const output = operands.out ?? newOutput(geometry);
  for (const piece of pieces) {
    runtime.renew();
    const { plan } = piece;
    if (operands.call === "queued") {
      yield { steps: runtime.makingRoom(placedBytes(plan, runtime.threads)) };
    }
    const room = { plan, loans: NO_LOANS, threads: makeRoom(runtime, plan) };
    const block = placeOutput(runtime, plan);
    try {
      yield* runPiece(runtime, piece, operands, withOutput(room, block));
      const result = runtime.floats(block.address, outputLength(piece.geometry));
      yield { steps: copySpans(piece.outputSpans(), output, result) };
    } finally {
      runtime.release(block);
    }
  }
  return new ArrayValues(output);
}

/** A convolution in one piece: what goes in and what comes out may stay where it is. */
function* runWhole(runtime: Runtime, piece: PlannedPiece, operands: StagedOperands): Task<Values> {
  const { plan } = piece;
  if (operands.call === "queued") {
    yield { steps: runtime.makingRoom(placedBytes(plan, runtime.threads)) };
  }
  const room = borrow(runtime, plan, operands);
  try {
    if (operands.out !== null) {
      return yield* runIntoOut(runtime, piece, operands, room, operands.out);
    }
    return yield* runIntoArray(runtime, piece, operands, room) ??
      runIntoMemory(runtime, piece, operands, room);
  } finally {
    for (const loan of room.loans.values()) loan.giveBack();
  }
}

/**
 * Sees to it that there is room, and borrows the operands that the kernels can read where they lie,
 * unless that is in the way of the rest.
 */
function borrow(runtime: Runtime, plan: Plan, operands: StagedOperands): Room {
  const { input, add, weight, frozenKey, call } = operands;
  const loans = new Map<number, Loan>();
  let lent = 0;
  const reaches = call !== "started" && mayReachArrays(runtime, call);
  for (const [buffer, values] of [[BUFFER.input, input], [BUFFER.add, add]] as const) {
    const spec = plan.buffers[buffer];
    if (values === null || spec === undefined) continue;
    const loan = borrowResult(runtime, values) ??
      (reaches ? borrowArray(runtime, values.elements, spec) : null);
    if (loan === null) continue;
    loans.set(buffer, loan);
    lent += spec.bytes;
  }
  // Weights that are read once, as they are, would be copied in as long as it takes to use them.
  const spec = plan.buffers[BUFFER.weight];
  if (frozenKey === null && plan.preparation.length === 0 && spec !== undefined) {
    const loan = borrowResult(runtime, weight) ??
      (reaches ? borrowArray(runtime, weight.elements, spec) : null);
    if (loan !== null) loans.set(BUFFER.weight, loan);
    lent += loan === null ? 0 : spec.bytes;
  }
  const threads = makeRoom(runtime, plan, lent);
  if (loans.size === 0 || runtime.makeRoom(planBytes(plan, 1) - lent)) {
    return { plan, loans, threads };
  }
  for (const loan of loans.values()) loan.giveBack();
  return { plan, loans: NO_LOANS, threads: makeRoom(runtime, plan) };
}

/** Something that cannot be done bit by bit. */
function* atOnce(work: () => void): Iterable<void> {
  yield work();
}
