/**
 * How much memory a process needs beyond what it had, on Linux.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { NetworkProblem } from "./problem.ts";

/** The peak of one peer with one number of threads. */
export interface MemoryResult {
  readonly peer: string;
  readonly threads: number;
  /** What its process had at most, less what it had before it loaded the peer. */
  readonly bytes: number;
}

/** What the C library is told for the turns; a process that is measured is to keep no more than usual. */
const TUNING = /^MALLOC_/;

/** The most memory that this process has had so far; `null` where nobody keeps count. */
export function peakBytes(): number | null {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/self/status");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const kilobytes = text.match(/^VmHWM:\s*(\d+) kB$/m)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/**
 * Computes a network a few times in a process of its own.
 *
 * @throws If the process fails.
 */
export async function measureMemory(
  { model, inputShape }: Pick<NetworkProblem, "model" | "inputShape">,
  peer: string,
  threads: number,
): Promise<MemoryResult> {
  const file = await Deno.makeTempFile({ suffix: ".onnx" });
  try {
    await Deno.writeFile(file, model);
    const answer = await runChild([file, JSON.stringify(inputShape), peer, String(threads)]);
    return { peer, threads, bytes: Number(answer) };
  } finally {
    await Deno.remove(file);
  }
}

async function runChild(args: readonly string[]): Promise<string> {
  const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const env = Object.entries(Deno.env.toObject()).filter(([name]) => !TUNING.test(name));
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      `--config=${local("../../deno.json")}`,
      `--lock=${local("../../deno.lock")}`,
      "--frozen",
      "-A",
      local("./memory_child.ts"),
      ...args,
    ],
    clearEnv: true,
    env: Object.fromEntries(env),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`The process that measures the memory of ${args[2]} failed`);
  return new TextDecoder().decode(stdout);
}
