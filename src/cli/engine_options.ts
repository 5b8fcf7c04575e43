import type { InstructionSet } from "../codegen/target.ts";
import { Engine, runtimeOf } from "../engine/engine.ts";
import type { Explanation } from "../execution/explain.ts";
import type { Arguments, Flag } from "./args.ts";
import { checkMemory, engineBytes, MEMORY_FLAG, memoryLimit } from "./memory.ts";
import { asUsage } from "./usage_error.ts";
import { choiceFlag, integerFlag } from "./values.ts";

const BACKENDS = ["auto", "wasm", "native"] as const;

/** The flags that describe who computes, and in how much memory. */
export const ENGINE_FLAGS: readonly Flag[] = [
  { name: "threads", value: "n", description: "default: one per core" },
  {
    name: "backend",
    value: "name",
    description: "wasm, native (needs --allow-ffi) or auto, the best of them; default auto",
  },
  MEMORY_FLAG,
];

/** InstructionSet as they are called in print. */
const INSTRUCTION_NAMES: Readonly<Record<InstructionSet, string>> = {
  wasm: "WebAssembly SIMD",
  avx2: "AVX2",
  avx512: "AVX-512",
};

/**
 * An engine as the command line describes it, with all its workers up: what is timed on it does not
 * include their start.
 *
 * @throws {UsageError} If a flag is wrong.
 * @throws {Error} If the backend cannot be had or the threads take too much memory; the message names what
 * is missing.
 */
export async function startEngine(args: Arguments): Promise<Engine> {
  const threads = integerFlag(args, "threads", 1);
  const backend = choiceFlag(args, "backend", BACKENDS) ?? "auto";
  const limit = memoryLimit(args);
  checkMemory(limit, "The process with its threads", 0);
  // Without the flag the engine takes less on hosts that have less to give.
  const engine = asUsage(() =>
    new Engine({
      backend,
      ...threads === undefined ? {} : { threads },
      ...args.values.has("memory") ? { memory: engineBytes(limit) } : {},
    })
  );
  await engine.ready;
  return engine;
}

/** What an engine runs. */
type Code = Pick<Explanation, "backend" | "instructionSet">;

/** The code that an engine runs, as figures for programs. */
export function codeOf(engine: Engine): Code {
  return { backend: engine.backend, instructionSet: runtimeOf(engine).target.name };
}

/** The same in a few words, such as `native (AVX-512)`. */
export function describeCode({ backend, instructionSet }: Code): string {
  return `${backend} (${INSTRUCTION_NAMES[instructionSet]})`;
}
