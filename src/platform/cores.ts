import { nodeModule } from "./node.ts";

/** How many threads can compute at once here. */
export function numberOfCores(): number {
  // Node.js has had no navigator before its version 21.
  const { navigator }: { readonly navigator?: Navigator } = globalThis;
  return navigator?.hardwareConcurrency ?? nodeModule("node:os")?.availableParallelism() ?? 1;
}
