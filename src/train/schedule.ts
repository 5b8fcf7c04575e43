/**
 * How the learning rate changes from step to step.
 *
 * @module
 */

import { checkInteger, checkOptionNames, describe } from "../base/checks.ts";
import { checkNumber } from "./checks.ts";

/**
 * The factor of the learning rate at a step, counted from 0. An optimizer that is given one multiplies its
 * learning rates by it; any function will do.
 */
export type Schedule = (step: number) => number;

/** Options of {@linkcode stepSchedule}. */
export interface StepScheduleOptions {
  /** How many steps the factor stays the same. */
  readonly stepSize: number;
  /** What it is multiplied by then. Default 0.1. */
  readonly gamma?: number;
}

/**
 * A factor that falls in steps: `gamma ** floor(step / stepSize)`, as `torch.optim.lr_scheduler.StepLR`.
 *
 * @param options How long a step is and how far it goes down.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown or no number.
 * @throws {RangeError} If `stepSize` is not a positive integer or `gamma` not finite.
 *
 * @example
 * ```ts
 * import { stepSchedule } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = stepSchedule({ stepSize: 2, gamma: 0.5 });
 * assertEquals([0, 1, 2, 3, 4].map(schedule), [1, 1, 0.5, 0.5, 0.25]);
 * ```
 */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  const where = "stepSchedule()";
  checkOptionNames(where, options, ["stepSize", "gamma"]);
  const { stepSize, gamma = 0.1 } = options;
  checkInteger(where, "stepSize", stepSize, 1);
  checkNumber(where, "gamma", gamma);
  return (step) => gamma ** Math.floor(step / stepSize);
}

/** Options of {@linkcode cosineSchedule}. */
export interface CosineScheduleOptions {
  /** How many steps it takes from 1 to the least factor. */
  readonly steps: number;
  /** The least factor. Default 0. */
  readonly least?: number;
}

/**
 * A factor that falls along half a cosine:
 * `least + (1 - least) * (1 + cos(pi * step / steps)) / 2`, as `torch.optim.lr_scheduler.CosineAnnealingLR`,
 * whose `eta_min` is `least` times the learning rate. As there, it rises again after `steps`.
 *
 * From "SGDR: Stochastic Gradient Descent with Warm Restarts" (Loshchilov and Hutter, 2017).
 *
 * @param options How long it takes and how far down it goes.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown or no number.
 * @throws {RangeError} If `steps` is not a positive integer or `least` not finite.
 *
 * @example
 * ```ts
 * import { cosineSchedule } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const schedule = cosineSchedule({ steps: 100, least: 0.01 });
 * assertAlmostEquals(schedule(0), 1);
 * assertAlmostEquals(schedule(50), 0.505);
 * assertAlmostEquals(schedule(100), 0.01);
 * ```
 */
export function cosineSchedule(options: CosineScheduleOptions): Schedule {
  const where = "cosineSchedule()";
  checkOptionNames(where, options, ["steps", "least"]);
  const { steps, least = 0 } = options;
  checkInteger(where, "steps", steps, 1);
  checkNumber(where, "least", least);
  return (step) => least + (1 - least) * (1 + Math.cos(Math.PI * step / steps)) / 2;
}

/** Options of {@linkcode linearSchedule}. */
export interface LinearScheduleOptions {
  /** How many steps it takes from `start` to `end`. Default 5. */
  readonly steps?: number;
  /** The first factor. Default 1/3. */
  readonly start?: number;
  /** The factor that is reached and kept. Default 1. */
  readonly end?: number;
}

/**
 * A factor that goes from one value to another in a straight line, as `torch.optim.lr_scheduler.LinearLR`: a
 * warm-up by default.
 *
 * @param options How long it takes, from where to where.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown or no number.
 * @throws {RangeError} If `steps` is not a positive integer, or `start` or `end` not finite.
 *
 * @example
 * ```ts
 * import { linearSchedule } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const warmUp = linearSchedule({ steps: 4, start: 0 });
 * assertEquals([0, 1, 2, 3, 4, 5].map(warmUp), [0, 0.25, 0.5, 0.75, 1, 1]);
 * ```
 */
export function linearSchedule(options: LinearScheduleOptions = {}): Schedule {
  const where = "linearSchedule()";
  checkOptionNames(where, options, ["steps", "start", "end"]);
  const { steps = 5, start = 1 / 3, end = 1 } = options;
  checkInteger(where, "steps", steps, 1);
  checkNumber(where, "start", start);
  checkNumber(where, "end", end);
  return (step) => start + (end - start) * Math.min(step, steps) / steps;
}

/**
 * One schedule after the other, as `torch.optim.lr_scheduler.SequentialLR`. Each begins at its own step 0.
 *
 * @param schedules The schedules, at least one.
 * @param milestones The steps at which the second, the third, ... take over: rising, one fewer than schedules.
 * @returns The schedule.
 * @throws {TypeError} If `schedules` is not an array of functions or `milestones` not one of numbers.
 * @throws {RangeError} If there are not as many milestones as there must be, or they do not rise.
 *
 * @example A warm-up, then half a cosine
 * ```ts
 * import { cosineSchedule, linearSchedule, sequentialSchedule } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const schedule = sequentialSchedule(
 *   [linearSchedule({ steps: 10, start: 0.1 }), cosineSchedule({ steps: 90 })],
 *   [10],
 * );
 * assertAlmostEquals(schedule(0), 0.1);
 * assertAlmostEquals(schedule(10), 1);
 * assertAlmostEquals(schedule(55), 0.5);
 * ```
 */
export function sequentialSchedule(
  schedules: readonly Schedule[],
  milestones: readonly number[],
): Schedule {
  const where = "sequentialSchedule()";
  const valid = Array.isArray(schedules) &&
    schedules.every((schedule) => typeof schedule === "function");
  if (!valid || !Array.isArray(milestones)) {
    const found = valid ? milestones : schedules;
    throw new TypeError(
      `${where}: must be given an array of schedules and one of milestones, but one is ${
        describe(found)
      }`,
    );
  }
  if (schedules.length === 0 || milestones.length !== schedules.length - 1) {
    throw new RangeError(
      `${where}: there must be at least one schedule and one milestone fewer than schedules, but ` +
        `there are ${schedules.length} schedules and ${milestones.length} milestones`,
    );
  }
  const begins = [0];
  milestones.forEach((milestone, index) => {
    begins.push(checkInteger(where, `milestones[${index}]`, milestone, (begins.at(-1) ?? 0) + 1));
  });
  const stages = schedules.map((schedule, index) => ({ schedule, begin: begins[index] ?? 0 }));
  return (step) => {
    const stage = stages.findLast(({ begin }) => begin <= step) ?? stages[0];
    return stage ? stage.schedule(step - stage.begin) : 1;
  };
}
