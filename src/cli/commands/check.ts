import { describeShape } from "../../base/checks.ts";
import type { Engine } from "../../engine/engine.ts";
import { reference, relativeError } from "../../convolution/formula.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { applyLayer, buildLayer } from "../layer_options.ts";
import { startProgress } from "../progress.ts";
import { drawLayer } from "../random_layer.ts";
import { formatJson, formatSeconds } from "../report.ts";
import { checkNoMore, integerFlag } from "../values.ts";

const DEFAULT_COUNT = 200;

/** The largest difference that rounding may make, in proportion to the largest output. */
const TOLERANCE = 1e-5;

/** Compares the layers with their definition. */
export const checkCommand: Command = {
  name: "check",
  summary: "Compare random layers with the formula, on this machine",
  usage: "[options]",
  flags: [
    { name: "count", value: "n", description: `how many layers; default ${DEFAULT_COUNT}` },
    { name: "seed", value: "n", description: "the first layer's seed; default 0" },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the verdict as JSON" },
  ],
  notes: `Draws layers of every kind with random sizes and options, and compares what they compute
on one backend with the textbook formula in float64. A difference of more than ${TOLERANCE.toExponential()} of the largest
output is a failure: it is named with its seed, and the exit code is 1. The layer of seed n is the
same for every count, so that

  tileconv check --seed n --count 1

repeats one.`,
  run: runCheck,
};

/** What came of one layer. */
interface Comparison {
  readonly seed: number;
  readonly layer: string;
  readonly inputShape: readonly number[];
  /** The largest difference in proportion to the largest output. */
  readonly error: number;
}

async function runCheck(args: Arguments, output: Output): Promise<number> {
  checkNoMore(args, 0);
  const count = integerFlag(args, "count", 1) ?? DEFAULT_COUNT;
  const firstSeed = integerFlag(args, "seed", 0, Number.MAX_SAFE_INTEGER - count) ?? 0;
  using engine = await startEngine(args);
  const begin = performance.now();
  const comparisons: Comparison[] = [];
  {
    using progress = startProgress("layers", count, output.terminal);
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      comparisons.push(await compare(seed, engine));
      progress.advance();
    }
  }
  const seconds = (performance.now() - begin) / 1e3;
  // A NaN is within no tolerance.
  const failures = comparisons.filter(({ error }) => !(error <= TOLERANCE));
  const largestError = comparisons.reduce((most, { error }) => Math.max(most, error), 0);
  for (const { seed, layer, inputShape, error } of failures) {
    output.warn(
      `error: ${layer} on ${describeShape(inputShape)} is off by ${error.toExponential(1)} ` +
        `(repeat with --seed ${seed} --count 1)`,
    );
  }
  const { threads } = engine;
  const code = codeOf(engine);
  const figures = {
    count,
    failures,
    largestError,
    tolerance: TOLERANCE,
    seconds,
    threads,
    ...code,
  };
  const largest = `largest difference ${largestError.toExponential(1)} of the largest output`;
  output.print(
    args.switches.has("json")
      ? formatJson(figures)
      : `${verdict(count, failures.length)}; ${largest}, ${formatSeconds(seconds)}, ` +
        `threads: ${threads}, ${describeCode(code)}`,
  );
  return failures.length === 0 ? 0 : 1;
}

function verdict(count: number, failures: number): string {
  const layers = count === 1 ? "layer agrees" : "layers agree";
  return failures === 0
    ? `Passed: ${count} ${layers} with the formula`
    : `Failed: ${failures} of ${count} layers disagree with the formula`;
}

async function compare(seed: number, engine: Engine): Promise<Comparison> {
  const { spec, inputShape, geometry } = drawLayer(seed);
  const layer = buildLayer(spec, engine);
  const input = Tensor.randn(inputShape, { seed });
  const actual = await applyLayer(layer, input, spec.outputSize);
  const expected = reference(geometry, {
    input: input.data,
    weight: layer.weight.data,
    bias: layer.bias?.data ?? null,
  });
  return { seed, layer: String(layer), inputShape, error: relativeError(actual.data, expected) };
}
