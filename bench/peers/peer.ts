import type { Problem } from "../problem.ts";

/** Something that computes problems of some kind: single convolutions, or networks. */
export interface Peer<Given = Problem> {
  /** Its package. */
  readonly name: string;
  /** Most threads that it can compute with in Deno. */
  readonly mostThreads: number;
  /**
   * Does what a user does once: builds the layer or the session, puts weights and input where they
   * belong.
   *
   * @param problem What is to be computed.
   * @param threads Threads to compute with, at most {@linkcode Peer.mostThreads}.
   * @throws If the peer cannot compute it; the message says why.
   */
  prepare(problem: Given, threads: number): Promise<Prepared>;
}

/** A problem that is ready to be computed, again and again. */
export interface Prepared extends AsyncDisposable {
  /** One call as a user makes it, up to where the values of the output are in JavaScript's hands. */
  run(): Float32Array | Promise<Float32Array>;
  /** The values of a call in the order `(N, C, ...)`. */
  rowMajor(values: Float32Array): Float32Array;
}

/** A call that is over, whether it was synchronous or not. */
export async function runOnce(prepared: Prepared): Promise<Float32Array> {
  return prepared.rowMajor(await prepared.run());
}
