/**
 * What a training from the command line is, whatever is learned: a bar, a file that it is left in and goes on from,
 * and figures.
 *
 * @module
 */

import { dirname } from "node:path";
import type { Engine } from "../../engine/engine.ts";
import { makeFolder, writeBytes } from "../../io/files.ts";
import type { Output } from "../command.ts";
import { codeOf, describeCode } from "../engine_options.ts";
import { onInterrupt } from "../interrupt.ts";
import { startProgress } from "../progress.ts";
import { formatSeconds } from "../report.ts";
import { encodeCheckpoint, resumeFrom, writeCheckpointSync } from "./checkpoint.ts";
import type { Training } from "./training.ts";

/** Where a training is left, and whether it was. */
export interface SessionOptions {
  /** The path of the checkpoint. */
  readonly path: string;
  /** Whether to go on with what is there. */
  readonly resume: boolean;
}

/** What is known of a training that is over. */
export interface SessionFigures extends ReturnType<typeof codeOf> {
  readonly steps: number;
  /** The time of the steps that were taken now. */
  readonly seconds: number;
  readonly secondsPerStep: number | null;
  readonly threads: number;
}

/**
 * Trains to the end, and writes the checkpoint.
 *
 * @throws {FileError} If the training that was left cannot be read, or the checkpoint not written.
 */
export async function runSession(
  training: Training,
  engine: Engine,
  { path, resume }: SessionOptions,
  output: Output,
): Promise<SessionFigures> {
  if (resume) await resumeFrom(path, training);
  await makeFolder(dirname(path));
  const first = training.losses.length;
  const begin = performance.now();
  await takeSteps(training, path, output);
  const seconds = (performance.now() - begin) / 1e3;
  const steps = training.losses.length;
  await writeBytes(path, encodeCheckpoint(training));
  return {
    steps,
    seconds,
    secondsPerStep: steps === first ? null : seconds / (steps - first),
    threads: engine.threads,
    ...codeOf(engine),
  };
}

/** Takes all steps that are left; where that is cut short the training is saved. */
async function takeSteps(training: Training, path: string, output: Output): Promise<void> {
  using _ = onInterrupt(() => {
    writeCheckpointSync(path, training);
    output.warn(`\nSaved after step ${training.losses.length}; go on with --resume`);
  });
  using progress = startProgress("steps", training.steps, output.terminal);
  progress.advance(training.losses.length);
  while (!training.isDone) {
    const { loss, quality } = await training.step();
    progress.advance(1, `loss ${loss.toFixed(3)}, ${quality}`);
  }
}

/** Rows that say how it was done. */
export function sessionFields(
  figures: SessionFigures,
): readonly (readonly [name: string, value: string])[] {
  const { seconds, secondsPerStep, threads } = figures;
  const each = secondsPerStep === null ? "" : `, ${formatSeconds(secondsPerStep)} a step`;
  return [
    ["time", `${formatSeconds(seconds)}${each}`],
    ["threads", String(threads)],
    ["backend", describeCode(figures)],
  ];
}
