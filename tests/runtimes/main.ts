/**
 * Bundles the package as for a browser, runs the suite with it in every runtime that this machine has, and prints a
 * table of the runs.
 *
 * ```sh
 * deno task test:runtimes
 * deno task test:runtimes node22 bun chromium
 * ```
 *
 * @module
 */

import { bundle } from "../../bench/runtimes/programs.ts";
import type { Host, Run, SuiteFiles } from "./host.ts";
import { HOSTS } from "./hosts.ts";

const COLUMNS = ["runtime", "version", "threads", "backend", "layers right", "seconds"] as const;

type Row = Readonly<Record<typeof COLUMNS[number], string>>;

async function prepare(folder: string): Promise<SuiteFiles> {
  const files = { folder, module: "suite.mjs", records: "recorded.jsonl" };
  await bundle("tests/runtimes/suite.ts", `${folder}/${files.module}`);
  await Deno.copyFile(new URL(files.records, import.meta.url), `${folder}/${files.records}`);
  return files;
}

function rowOf({ name }: Host, { version, report }: Run): Row {
  const { threads, backend, right, layers, seconds } = report;
  return {
    runtime: name,
    version,
    threads: String(threads),
    backend,
    "layers right": `${right} of ${layers}`,
    seconds: seconds.toFixed(1),
  };
}

/** A table in Markdown. */
function tableOf(rows: readonly Row[]): string {
  const header = Object.fromEntries(COLUMNS.map((column) => [column, column])) as Row;
  const widths = COLUMNS.map((column) =>
    Math.max(...[header, ...rows].map((row) => row[column].length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  const [first = "", ...others] = [header, ...rows].map((row) =>
    line(COLUMNS.map((column) => row[column]))
  );
  return [first, rule, ...others].join("\n");
}

/** Those that are asked for, or all. */
function chosenHosts(ids: readonly string[]): readonly Host[] {
  const known = new Set(HOSTS.map(({ id }) => id));
  const unknown = ids.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new RangeError(`There is no ${unknown.join(", ")}, only ${[...known].join(", ")}`);
  }
  return ids.length === 0 ? HOSTS : HOSTS.filter(({ id }) => ids.includes(id));
}

const rows: Row[] = [];
const leftOut: string[] = [];
const faults: string[] = [];
const folder = await Deno.makeTempDir({ prefix: "tileconv-" });
try {
  const files = await prepare(folder);
  for (const host of chosenHosts(Deno.args)) {
    const outcome = await host.run(files).catch((error: unknown) => ({ error }));
    if ("missing" in outcome) leftOut.push(`${host.name} (${host.id}): ${outcome.missing}`);
    else if ("error" in outcome) faults.push(`${host.name} (${host.id}): ${outcome.error}`);
    else {
      rows.push(rowOf(host, outcome));
      const { version, report } = outcome;
      faults.push(...report.faults.map((fault) => `${host.name} ${version}: ${fault}`));
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(tableOf(rows));
for (const line of leftOut) console.log(`Left out: ${line}`);
for (const line of faults) console.error(line);
if (faults.length > 0 || rows.length === 0) Deno.exit(1);
