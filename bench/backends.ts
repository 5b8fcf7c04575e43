/**
 * The engine's backends as contestants: both are timed where both can be had.
 *
 * @module
 */

import { Engine } from "../mod.ts";
import type { Target } from "../src/codegen/target.ts";
import { compilerFor } from "../src/engine/backend.ts";

/** The code that an engine runs. */
export type Backend = Engine["backend"];

/** All of them, the fastest first. */
export const BACKENDS: readonly Backend[] = ["native", "wasm"];

/** A backend that took part, and the instruction set that its kernels were written for. */
export interface BackendTarget {
  readonly backend: Backend;
  readonly target: Target["name"];
}

/** What a backend's kernels are written for. */
export function targetOf(backend: Backend): BackendTarget {
  return { backend, target: compilerFor(backend).target.name };
}

/** A backend in words, with the instruction set where there are several. */
export function describeTarget({ backend, target }: BackendTarget): string {
  return backend === target ? backend : `${backend} (${target})`;
}

/** The backends that can be had here. */
export function availableBackends(): readonly Backend[] {
  const { target } = compilerFor("auto");
  return target.name === "wasm" ? ["wasm"] : BACKENDS;
}

/** What a backend of ours is called among the peers. */
export function ourName(backend: Backend): string {
  return `tileconv ${backend}`;
}

/** A number of threads in words. */
export function countThreads(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}

/**
 * Starts the threads of an engine and waits until they are up.
 *
 * @throws If it has another number of them.
 */
export async function openEngine(backend: Backend, threads: number): Promise<Engine> {
  const engine = new Engine({ backend, threads });
  await engine.ready;
  if (engine.threads === threads) return engine;
  engine.close();
  throw new Error(`The engine has ${engine.threads} threads, not the ${threads} asked for`);
}
