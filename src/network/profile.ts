/**
 * How long the steps of a network take.
 *
 * @module
 */

import { median } from "../base/numbers.ts";
import type { Engine } from "../engine/engine.ts";
import { runSequenceSync, type Sequence } from "../execution/sequence.ts";
import type { Values } from "../tensor/values.ts";
import type { ExplainedStep, NetworkExplanation } from "./explain.ts";

/** Options of a profile. */
export interface NetworkProfileOptions {
  /** How often it is computed, after two times that do not count. Default 10. */
  readonly repeat?: number;
}

/** How long a network takes, step by step. */
export interface NetworkProfile extends Omit<NetworkExplanation, "steps"> {
  /** What is done, in order. */
  readonly steps: readonly ProfiledStep[];
  /** The median of the whole, inputs and outputs included. */
  readonly milliseconds: number;
}

/** How long a step takes. */
export interface ProfiledStep extends ExplainedStep {
  /** The median; 0 where nothing is left to do. */
  readonly milliseconds: number;
}

/** Times of one run. */
interface Run {
  /** Of each step of the sequence. */
  readonly steps: readonly number[];
  readonly whole: number;
}

/** Runs that generate code, and get threads going. */
const WARM_UP = 2;

/** Times a sequence several times. */
export function profile(
  engine: Engine,
  sequence: Sequence,
  inputs: readonly Values[],
  repeat: number,
): Run[] {
  const runs = Array.from({ length: WARM_UP + repeat }, () => {
    const start = performance.now();
    const ends: number[] = [];
    runSequenceSync(engine, sequence, inputs, () => ends.push(performance.now()));
    const whole = performance.now() - start;
    return { steps: ends.map((end, i) => end - (ends[i - 1] ?? start)), whole };
  });
  return runs.slice(WARM_UP);
}

/**
 * The medians of runs.
 *
 * @param origins The network's step of each step of the sequence.
 */
export function profileOf(
  { steps, ...rest }: NetworkExplanation,
  origins: readonly number[],
  runs: readonly Run[],
): NetworkProfile {
  const timeOf = ({ steps }: Run, index: number) =>
    steps.reduce((sum, time, i) => origins[i] === index ? sum + time : sum, 0);
  return {
    ...rest,
    steps: steps.map((step, index) => ({
      ...step,
      milliseconds: median(runs.map((run) => timeOf(run, index))),
    })),
    milliseconds: median(runs.map(({ whole }) => whole)),
  };
}
