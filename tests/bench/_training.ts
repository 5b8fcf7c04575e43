import { ourName } from "../../bench/backends.ts";
import { PYTORCH, type Task, type TrainingResult } from "../../bench/training/compare.ts";
import { VALUES } from "../../bench/training/problem.ts";

/** Milliseconds of a call: who, what, threads, and how long. */
export type Row = readonly [
  who: "native" | "wasm" | typeof PYTORCH,
  task: Task,
  threads: number,
  milliseconds: number,
];

/** What a run would have found out about a layer of so many operations whose calls took so long. */
export function trainingResult(name: string, flop: number, rows: readonly Row[]): TrainingResult {
  return {
    name,
    kind: "3x3",
    inputShape: [1, 1, 1, 1],
    flop,
    ceilings: (["native", "wasm"] as const).map((backend) => (
      { backend, threads: 1, flop, turns: [1e-3], gigaflops: flop / 1e6 }
    )),
    timings: rows.map(([who, task, threads, milliseconds]) => ({
      who: who === PYTORCH ? who : ourName(who),
      task,
      threads,
      turns: [milliseconds / 1e3],
      seconds: milliseconds / 1e3,
    })),
    differences: [differenceOf(0)],
  };
}

/** One thread of machine code, off by so much in every value. */
export function differenceOf(error: number): TrainingResult["differences"][number] {
  const [output = 0, input = 0, weight = 0, bias = 0] = VALUES.map(() => error);
  return { who: ourName("native"), threads: 1, errors: { output, input, weight, bias } };
}
