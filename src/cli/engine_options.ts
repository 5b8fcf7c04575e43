import { Engine } from "../engine/engine.ts";
import type { Arguments, Flag } from "./args.ts";
import { asUsage } from "./usage_error.ts";
import { integerFlag } from "./values.ts";

/** The flags that describe who computes. */
export const ENGINE_FLAGS: readonly Flag[] = [
  { name: "threads", value: "n", description: "default: one per core" },
];

/**
 * An engine as the command line describes it, with all its workers up: what is timed on it does not
 * include their start.
 *
 * @throws {UsageError} If a flag is wrong.
 */
export async function startEngine(args: Arguments): Promise<Engine> {
  const threads = integerFlag(args, "threads", 1);
  const engine = threads === undefined ? new Engine() : asUsage(() => new Engine({ threads }));
  await engine.ready;
  return engine;
}
