import { assert } from "@std/assert";
import { compilerFor } from "../../src/engine/backend.ts";
import { unitsOf } from "../../src/engine/job.ts";
import type { Runtime } from "../../src/engine/runtime.ts";
import { CONTROL } from "../../src/engine/shared_memory.ts";
import { workerSource } from "../../src/engine/pool.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import type { Plan } from "../../src/kernels/plan.ts";
import { geometryOf, type LayerCase, operandsOf } from "../_arbitrary.ts";
import { caseOf } from "../kernels/_cases.ts";
import { CHOSEN_CASES, plansOf } from "../kernels/_plans.ts";
import { phasesOf, planTask } from "./_convolution_task.ts";
import { runtimeWith, sourceRunning, SPARE_WORD, started } from "./_faults.ts";
import { sameBits } from "./_same.ts";

const WORKERS = 2;

const { target } = compilerFor("auto");
const alone = runtimeWith(0, [workerSource()]);

/** A plan, what it is run on, and what one thread makes of it. */
interface Exercise {
  readonly plan: Plan;
  readonly layerCase: LayerCase;
  readonly expected: Float32Array;
}

function exercisesOf(layerCase: LayerCase): Exercise[] {
  return plansOf(layerCase, target, NO_EPILOGUE).map((plan) => {
    const expected = alone.runSync(planTask(alone, plan, given(layerCase)));
    return { plan, layerCase, expected };
  });
}

function given(layerCase: LayerCase) {
  return { geometry: geometryOf(layerCase), operands: operandsOf(layerCase) };
}

/** Waits until the workers have taken as many units of a published phase as they can. */
function untilTaken(runtime: Runtime, units: number): void {
  const limit = performance.now() + 30_000;
  const wanted = Math.min(WORKERS, units);
  while ((Atomics.load(runtime.shared.control, CONTROL.claim) & 0xffff) < wanted) {
    if (performance.now() > limit) throw new Error("The workers take no units");
  }
}

/**
 * A plan's phases as a task.
 *
 * @param met Which of them the workers are to have a part in, whatever it takes.
 */
function taskOf(
  runtime: Runtime,
  { plan, layerCase }: Exercise,
  met: (phase: number) => boolean,
) {
  const phases = phasesOf(plan);
  return planTask(runtime, plan, given(layerCase), (index) => {
    const phase = phases[index];
    if (phase !== undefined && met(index)) untilTaken(runtime, unitsOf(phase));
  });
}

/** Cases that have every kind of plan, with work for some threads. */
const LARGE_CASES: Readonly<Record<string, LayerCase>> = {
  "sums in chunks": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 260,
    outChannels: 64,
    spatial: [10, 10],
    options: { padding: 1 },
  }),
  "stride phases": caseOf({
    transposed: true,
    rank: 2,
    batch: 2,
    inChannels: 130,
    outChannels: 40,
    spatial: [8, 9],
    kernelSize: 4,
    options: { stride: 2, padding: 1 },
  }),
  "padded and folded inputs": caseOf({
    batch: 2,
    inChannels: 33,
    outChannels: 40,
    spatial: [600],
    options: { padding: 1, paddingMode: "circular" },
  }),
  "channels by themselves": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 48,
    outChannels: 48,
    spatial: [20, 20],
    options: { groups: 48, stride: 2, padding: 1, paddingMode: "reflect" },
  }),
};

/** What several threads do at once goes wrong in some of so many tries, if it can. */
const ROUNDS = 8;

/**
 * With each unit that a worker takes it runs those that others have taken, and all of the phases before:
 * others compute the phase meanwhile, from what earlier ones have made.
 */
const REPEATING = sourceRunning(`
  const task = Atomics.load(words, ${SPARE_WORD});
  if (globalThis.task !== task) [globalThis.task, globalThis.jobs] = [task, new Map()];
  globalThis.jobs.set(job.generation, job);
  realRunUnit(job, unit, thread);
  for (const job of globalThis.jobs.values()) {
    for (let unit = 0; unit < job.words[3]; unit++) realRunUnit(job, unit, thread);
  }`);

Deno.test("Units of every family may be run again while their phase and later ones run", async () => {
  const runtime = runtimeWith(WORKERS, [REPEATING]);
  await started(runtime, WORKERS);
  const check = ({ plan, layerCase, expected }: Exercise) => {
    Atomics.add(runtime.shared.control, SPARE_WORD, 1);
    const output = runtime.runSync(taskOf(runtime, { plan, layerCase, expected }, () => true));
    assert(sameBits(output, expected), `${plan.family}, ${plan.id}, ${JSON.stringify(layerCase)}`);
  };
  for (const layerCase of Object.values(CHOSEN_CASES)) exercisesOf(layerCase).forEach(check);
  for (const exercise of Object.values(LARGE_CASES).flatMap(exercisesOf)) {
    for (let round = 0; round < ROUNDS; round++) check(exercise);
  }
  runtime.close();
});

const tried = new Set<string>();

/** Whether no plan before had the same phases in the same family: to notice a loss takes half a second. */
function isNew(plan: Plan): boolean {
  const kind = [plan.family, ...phasesOf(plan).map(({ name }) => name)].join();
  const before = tried.size;
  return tried.add(kind).size > before;
}

/**
 * In one phase of the first task, workers that never give back the units that they take: they run all units
 * of the phase again and again, while others take theirs over and go on; one of them ends in the middle.
 */
function losing(phase: number): string {
  // Phases are counted by the generations of a new memory.
  return sourceRunning(`
    if (job.generation !== ${phase + 1}) return realRunUnit(job, unit, thread);
    for (let round = 0; Atomics.load(words, ${CONTROL.end}) === 0; round++) {
      for (let any = 0; any < job.words[3]; any++) realRunUnit(job, any, thread);
      if (thread === 1 && round > 100) end();
    }`);
}

for (const [what, layerCase] of Object.entries(LARGE_CASES)) {
  Deno.test(`Runtime computes ${what} rightly when workers never give their units back`, async () => {
    for (const exercise of exercisesOf(layerCase).filter(({ plan }) => isNew(plan))) {
      for (const [lost, phase] of phasesOf(exercise.plan).entries()) {
        if (unitsOf(phase) === 1) continue;
        const runtime = runtimeWith(WORKERS, [losing(lost), workerSource()]);
        await started(runtime, WORKERS);
        const output = runtime.runSync(taskOf(runtime, exercise, (index) => index === lost));
        const { id, family } = exercise.plan;
        assert(sameBits(output, exercise.expected), `${family}, ${id}, phase "${phase.name}"`);
        assert(runtime.lostThread);
        runtime.close();
      }
    }
  });
}
