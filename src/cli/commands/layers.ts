import { describeBytes, describeShape } from "../../base/checks.ts";
import type { NetworkProfile, ProfiledStep } from "../../network/profile.ts";
import type { Network } from "../../network/network.ts";
import { product } from "../../base/numbers.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { checkMemory, type MemoryLimit, memoryLimit } from "../memory.ts";
import { forInputs, openNetwork } from "../networks/network_file.ts";
import {
  formatCount,
  formatFields,
  formatJson,
  formatSeconds,
  formatTable,
  gigaflops,
  printable,
} from "../report.ts";
import { asUsage } from "../usage_error.ts";
import { checkNoMore, integerFlag, parseSizes } from "../values.ts";

/** Says what the steps of a network take. */
export const layersCommand: Command = {
  name: "layers",
  summary: "Time the layers of a network from an ONNX file",
  usage: "<model.onnx> [--input-shape <sizes>] [options]",
  flags: [
    {
      name: "input-shape",
      value: "sizes",
      repeatable: true,
      description: "such as 1,3,224,224; default: as the file says; of several inputs name=sizes",
    },
    { name: "repeat", value: "n", description: "how often to compute; default 10" },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `The inputs are random. Times are medians; GFLOP/s count each multiply-add of a convolution's
definition as two, whatever algorithm computes it. Operators that a convolution does on the way
have no line of their own.

Example:
  tileconv layers model.onnx --input-shape 1,3,224,224`,
  run: runLayers,
};

const DEFAULT_REPEAT = 10;

async function runLayers(args: Arguments, output: Output): Promise<number> {
  const [path] = args.positionals;
  checkNoMore(args, 1);
  const repeat = integerFlag(args, "repeat", 1, 1_000_000) ?? DEFAULT_REPEAT;
  const limit = memoryLimit(args);
  using files = new DisposableStack();
  using engine = await startEngine(args);
  const { name, network, bytes } = await openNetwork(path, engine, limit, files);
  const inputs = drawInputs(args, network, limit, bytes);
  const profile = asUsage(() => network.profileSync(inputs, { repeat }));
  const code = { threads: engine.threads, ...codeOf(engine) };
  const shapes = Object.entries(inputs).map(([name, { shape }]) => ({ name, shape }));
  output.print(
    args.switches.has("json")
      ? formatJson({ network: name, inputs: shapes, ...profile, repeat, ...code })
      : describeProfile(
        [
          ["network", name],
          ...shapes.map(({ name, shape }) =>
            ["input", `${describeShape(shape)}, ${name}`] as const
          ),
          ["between steps", describeBytes(profile.bytes)],
          ["threads", String(code.threads)],
          ["backend", describeCode(code)],
        ],
        profile,
      ),
  );
  return 0;
}

/** Random inputs of the shapes that are said, or of those of the file. */
function drawInputs(
  args: Arguments,
  network: Network,
  limit: MemoryLimit,
  bytes: number,
): Record<string, Tensor> {
  const texts = args.lists.get("input-shape") ?? [];
  const shapes = texts.length === 0 ? undefined : Object.fromEntries(
    forInputs(network.inputs, texts, "input-shape").map(({ name, text }) =>
      [name, parseSizes("input-shape", text)] as const
    ),
  );
  const explained = asUsage(() => network.explain(shapes));
  const arrays = [...Object.values(shapes ?? {}), ...explained.steps.map(({ shape }) => shape)];
  const most = Math.max(0, ...arrays.map(product)) * Float32Array.BYTES_PER_ELEMENT;
  checkMemory(limit, "Computing the network", bytes + explained.bytes + 2 * most);
  return Object.fromEntries(network.inputs.map(({ name, shape }) => {
    const sizes = shapes?.[name] ?? shape?.map(Number) ?? [];
    return [name, Tensor.randn(sizes, { seed: 0 })];
  }));
}

function describeProfile(
  fields: readonly (readonly [name: string, value: string])[],
  profile: NetworkProfile,
): string {
  const rows = profile.steps.map((step, index) => [
    String(index + 1),
    printable(step.operator),
    printable(step.node),
    describeShape(step.shape),
    step.family ?? "",
    ...figuresOf(step),
  ]);
  const total = ["", "all", "", "", "", ...figuresOf(profile)];
  const titles = ["", "operators", "first node", "output", "kernels", "MFLOP", "time", "GFLOP/s"];
  return [formatFields(fields), formatTable(titles, [...rows, total])].join("\n\n");
}

function figuresOf(
  { multiplyAdds, milliseconds }: Pick<ProfiledStep, "multiplyAdds" | "milliseconds">,
): readonly string[] {
  const seconds = milliseconds / 1e3;
  const time = milliseconds === 0 ? "" : formatSeconds(seconds);
  if (multiplyAdds === 0) return ["", time, ""];
  const megaflops = formatCount(Math.round(2 * multiplyAdds / 1e6));
  return [megaflops, time, gigaflops(multiplyAdds, seconds).toPrecision(3)];
}
