import { describeBytes } from "../../base/checks.ts";
import { hasRelaxedSimd, hasSimd } from "../../codegen/wasm/features.ts";
import { missingForNative } from "../../engine/backend.ts";
import { type Engine, runtimeOf } from "../../engine/engine.ts";
import config from "../../../deno.json" with { type: "json" };
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { memoryLimit } from "../memory.ts";
import { formatFields, formatJson } from "../report.ts";
import { checkNoMore } from "../values.ts";

/** What the command line may ask for; the layers themselves need none. */
const PERMISSIONS = ["read", "write", "ffi"] as const;

/** Says what the layers would run on. */
export const infoCommand: Command = {
  name: "info",
  summary: "Print threads, backend, memory and permissions",
  usage: "[options]",
  flags: [...ENGINE_FLAGS, { name: "json", description: "print the figures as JSON" }],
  notes: "Nothing is asked for: a permission that was not given is shown as such.",
  run: runInfo,
};

async function runInfo(args: Arguments, output: Output): Promise<number> {
  checkNoMore(args, 0);
  using engine = await startEngine(args);
  const figures = {
    tileconv: config.version,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    platform: `${Deno.build.os}, ${Deno.build.arch}`,
    cores: navigator.hardwareConcurrency,
    threads: engine.threads,
    ...codeOf(engine),
    missingForNative: missingForNative(),
    simd: hasSimd(),
    relaxedSimd: hasRelaxedSimd(),
    memory: engine.memory,
    memoryLimit: memoryLimit(args).bytes,
    permissions: Object.fromEntries(PERMISSIONS.map((name) => [name, isGranted(name)])),
  };
  if (args.switches.has("json")) {
    output.print(formatJson(figures));
    return 0;
  }
  const granted = PERMISSIONS.filter(isGranted);
  output.print(formatFields([
    ["tileconv", figures.tileconv],
    ["deno", `${figures.deno}, V8 ${figures.v8}`],
    ["platform", `${figures.platform}, ${figures.cores} cores`],
    ["threads", String(figures.threads)],
    ["backend", describeBackend(engine, figures.missingForNative)],
    ["vectors", describeVectors(engine)],
    ["memory", describeMemory(figures)],
    ["permissions", granted.length === 0 ? "none" : granted.join(", ")],
  ]));
  return 0;
}

function describeMemory({ memory, memoryLimit }: Record<"memory" | "memoryLimit", number>): string {
  return `${describeBytes(memoryLimit)} at most, ${
    describeBytes(memory)
  } of it shared by the threads`;
}

function isGranted(name: (typeof PERMISSIONS)[number]): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

/** The backend and, where it is not the fastest, why. */
function describeBackend(engine: Engine, missing: string | null): string {
  const code = describeCode(codeOf(engine));
  if (engine.backend === "native") return code;
  return missing === null ? `${code}, as asked for` : `${code}; native code needs ${missing}`;
}

function describeVectors(engine: Engine): string {
  const { lanes, fusesMultiplyAdd } = runtimeOf(engine).target;
  const bits = `${lanes * FLOAT_BITS} bits`;
  return fusesMultiplyAdd ? `${bits}, fused multiply-add` : bits;
}

const FLOAT_BITS = 32;
