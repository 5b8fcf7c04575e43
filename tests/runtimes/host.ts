/**
 * Where the suite can be run.
 *
 * @module
 */

import type { Missing } from "../../bench/runtimes/programs.ts";
import type { Report } from "./suite.ts";

/** The files that are needed for a run, in a folder. */
export interface SuiteFiles {
  /** The folder's path. */
  readonly folder: string;
  /** Name of the module that exports `runSuite()`. */
  readonly module: string;
  /** Name of the records. */
  readonly records: string;
}

/** A run that came to its end. */
export interface Run {
  readonly version: string;
  readonly report: Report;
}

/** A runtime, perhaps. */
export interface Host {
  /** By which it is asked for. */
  readonly id: string;
  readonly name: string;
  /**
   * Runs the suite.
   *
   * @throws If it does not come to its end by itself.
   */
  run(files: SuiteFiles): Promise<Run | Missing>;
}

/** More than a run takes on a machine that has much else to do. */
export const LIMIT_MS = 300_000;

/** A promise, or an error when it takes too long. */
export async function limited<T>(promise: Promise<T>, what: string): Promise<T> {
  let stop = () => {};
  const limit = new Promise<never>((_, reject) => {
    const error = new Error(`${what} takes more than ${LIMIT_MS / 1000} s`);
    const timer = setTimeout(() => reject(error), LIMIT_MS);
    stop = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    stop();
  }
}
