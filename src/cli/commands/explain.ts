import { describeBytes, describeShape } from "../../base/checks.ts";
import type { ExplainedPhase, Explanation, Listing } from "../../execution/explain.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { buildLayer, LAYER_FLAGS, parseShapedLayer, SHAPED_LAYER_NOTES } from "../layer_options.ts";
import { formatFields, formatJson, formatTable } from "../report.ts";
import { asUsage } from "../usage_error.ts";

/** Says how a layer would be computed: family, layout, tiles. */
export const explainCommand: Command = {
  name: "explain",
  summary: "Print how a layer is computed: kernel family, layout, tiles, memory, code",
  usage: "<layer> --input-shape <sizes> [options]",
  flags: [
    { name: "input-shape", value: "sizes", description: "(N, C, ...) or (C, ...)" },
    ...LAYER_FLAGS.filter(({ name }) => name !== "output-size"),
    ...ENGINE_FLAGS,
    { name: "asm", description: "list the programs and the bytes of their code too" },
    { name: "json", description: "print the figures as JSON" },
  ],
  notes: `${SHAPED_LAYER_NOTES}

Example:
  tileconv explain conv2d --input-shape 1,64,56,56 --out-channels 64 --kernel-size 3 --padding 1

With --asm, each program follows as vector instructions (v: registers, p: pointers, in bytes), then
as the bytes of its code: a WebAssembly module, or a function of machine code.`,
  run: runExplain,
};

async function runExplain(args: Arguments, output: Output): Promise<number> {
  const { inputShape, spec } = parseShapedLayer(args);
  const code = args.switches.has("asm");
  using engine = await startEngine(args);
  const explanation = asUsage(() => buildLayer(spec, engine).explain(inputShape, { code }));
  output.print(
    args.switches.has("json")
      ? formatJson({ ...explanation })
      : describeExplanation(inputShape, explanation),
  );
  return 0;
}

function describeExplanation(
  inputShape: readonly number[],
  explanation: Explanation,
): string {
  const { family, threads, pieces, bytes, inputLayout, phases } = explanation;
  const fields = formatFields([
    ["input", describeShape(inputShape)],
    ["family", family],
    ["read as", inputLayout],
    ["memory", `${describeBytes(bytes)}, in ${pieces} ${pieces === 1 ? "piece" : "pieces"}`],
    ["threads", String(threads)],
    ["backend", describeCode(explanation)],
  ]);
  const table = formatTable(
    ["phase", "tiles", "programs"],
    phases.flatMap(({ name, tiles, programs }) =>
      programs.map((program, index) =>
        index === 0 ? [name, String(tiles), program] : ["", "", program]
      )
    ),
  );
  return [fields, table, ...phases.flatMap(describeListings)].join("\n\n");
}

function describeListings({ name, listings = [] }: ExplainedPhase): string[] {
  return listings.map((listing) => describeListing(name, listing));
}

function describeListing(phase: string, { program, instructions, bytes }: Listing): string {
  return `${phase}: ${program}\n\n${instructions}\n\n${bytes}`;
}
