import { TestFolder } from "./_folder.ts";

/** How a program ended. */
export interface Ending {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Far more than any of the programs needs: one that takes so long does not end by itself. */
const LIMIT_MS = 60_000;

/** Runs a program as a process of its own, with nothing to read from. */
export async function runProgram(
  source: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  using folder = new TestFolder();
  const file = folder.file("program.ts");
  Deno.writeTextFileSync(file, source);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, file],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(limit);
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}
