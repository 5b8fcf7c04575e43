import type { Engine } from "../../mod.ts";
import { median } from "../../src/base/numbers.ts";
import { relativeError } from "../../src/convolution/formula.ts";
import { type Backend, ourName } from "../backends.ts";
import type { Ceiling } from "../ceiling.ts";
import { type CeilingResult, round } from "../compare.ts";
import type { BenchLayer, Kind } from "../layers.ts";
import type { PyTorch } from "../peers/pytorch.ts";
import { type Player, playerOf, playTurns } from "../turns.ts";
import { type StepValues, type TrainingProblem, trainingProblemOf, VALUES } from "./problem.ts";
import { directForward, Trainee } from "./trainee.ts";

/** What is timed. */
export type Task = "forward" | "direct forward" | "step";

/** What somebody did again and again, and with how many threads. */
export interface Discipline {
  /** PyTorch, or a backend of ours. */
  readonly who: string;
  readonly task: Task;
  readonly threads: number;
}

/** How long it took. */
export interface Timing extends Discipline {
  /** The seconds of a call, turn by turn. */
  readonly turns: readonly number[];
  /** Their median. */
  readonly seconds: number;
}

/** How far a backend of ours is from PyTorch. */
export interface Difference {
  readonly who: string;
  readonly threads: number;
  /** The largest difference of each value in proportion to its largest element. */
  readonly errors: Readonly<Record<keyof StepValues, number>>;
}

/** One row of the tables. */
export interface TrainingResult {
  readonly name: string;
  readonly kind: Kind;
  readonly inputShape: readonly number[];
  /** Of a forward pass, as the formula counts them; a step has three times as many. */
  readonly flop: number;
  readonly ceilings: readonly CeilingResult[];
  readonly timings: readonly Timing[];
  readonly differences: readonly Difference[];
}

/** What PyTorch is called among the timings. */
export const PYTORCH = "PyTorch";

/** An engine that takes part. */
export interface OurEngine {
  readonly backend: Backend;
  readonly threads: number;
  readonly engine: Engine;
}

/** Who takes part. */
export interface TrainingField {
  readonly pytorch: PyTorch;
  readonly threadCounts: readonly number[];
  readonly ours: readonly OurEngine[];
  /** Whether weights change from step to step, as an optimizer changes them. */
  readonly changing: boolean;
  readonly ceilings: readonly Ceiling[];
}

interface Entry extends Discipline {
  readonly player: Player;
}

/**
 * Compares the gradients of a layer with PyTorch's, then times both turn by turn, those on one thread before
 * those on several.
 *
 * @param bench The layer.
 * @param field Who takes part.
 * @param seconds How long the turns go on.
 */
export async function compareTraining(
  bench: BenchLayer,
  field: TrainingField,
  seconds: number,
): Promise<TrainingResult> {
  const problem = trainingProblemOf(bench);
  const { pytorch, ours, changing, ceilings, threadCounts } = field;
  const expected = await pytorch.load(problem);
  const differences = ours.map(({ backend, threads, engine }) => ({
    who: ourName(backend),
    threads,
    errors: errorsOf(new Trainee(problem, engine).values(), expected),
  }));
  const entries = threadCounts.flatMap((threads) => [
    ...pytorchEntries(pytorch, threads),
    ...ours.filter((our) => our.threads === threads).flatMap((our) =>
      ourEntries(problem, our, changing)
    ),
  ]);
  const times = await playTurns([
    ...entries.map(({ player }) => player),
    ...ceilings.map((ceiling) => playerOf(() => ceiling.run())),
  ], seconds);
  const turnsOf = (index: number) => (times[index] ?? []).map(round);
  return {
    name: bench.name,
    kind: bench.kind,
    inputShape: bench.inputShape,
    flop: problem.flop,
    ceilings: ceilings.map(({ backend, threads, flop }, index) => {
      const turns = turnsOf(entries.length + index);
      return { backend, threads, flop, turns, gigaflops: flop / median(turns) / 1e9 };
    }),
    timings: entries.map(({ who, task, threads }, index) => {
      const turns = turnsOf(index);
      return { who, task, threads, turns, seconds: median(turns) };
    }),
    differences,
  };
}

function pytorchEntries(pytorch: PyTorch, threads: number): readonly Entry[] {
  return (["forward", "step"] as const).map((task) => ({
    who: PYTORCH,
    task,
    threads,
    player: pytorch.player(task, threads),
  }));
}

/** Machine code is compared with PyTorch, WebAssembly with its own direct kernels. */
function ourEntries(
  problem: TrainingProblem,
  our: OurEngine,
  changing: boolean,
): readonly Entry[] {
  const { backend, threads, engine } = our;
  const who = ourName(backend);
  const trainee = new Trainee(problem, engine);
  const forward: Entry = backend === "native"
    ? { who, task: "forward", threads, player: playerOf(() => trainee.forward()) }
    : { who, task: "direct forward", threads, player: playerOf(directForward(problem, engine)) };
  const step = changing ? () => trainee.changedStep() : () => trainee.step();
  return [forward, { who, task: "step", threads, player: playerOf(step) }];
}

function errorsOf(actual: StepValues, expected: StepValues): Difference["errors"] {
  const [output = NaN, input = NaN, weight = NaN, bias = NaN] = VALUES.map((name) =>
    relativeError(actual[name], expected[name])
  );
  return { output, input, weight, bias };
}
