import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { TestFolder } from "../_folder.ts";

const ROOT = new URL("../../", import.meta.url);

/** What browsers get in a module's place (see `.ci/packages/npm.ts`). */
const IN_BROWSERS = { "src/engine/native.ts": "src/engine/no_native.ts" };

/**
 * Bytes of the core in one file, minified and compressed: as much as it takes, and two kilobytes. Names that are not
 * shortened and messages for people are a tenth of it, the rest is code that some layer runs.
 */
const MOST_BYTES = 114_000;

/** The same for a browser, without the encoders of machine code. */
const MOST_BYTES_IN_BROWSERS = 102_000;

/** `deno bundle --minify mod.ts | gzip -9 | wc -c`, with some modules replaced by others. */
async function compressedBytes(replaced: Readonly<Record<string, string>>): Promise<number> {
  using folder = new TestFolder();
  const imports = Object.fromEntries(
    Object.entries(replaced).map((paths) => paths.map((path) => new URL(path, ROOT).href)),
  );
  Deno.writeTextFileSync(folder.file("deno.json"), JSON.stringify({ imports }));
  const options = ["--quiet", "--minify", "--config", folder.file("deno.json")];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...options, new URL("mod.ts", ROOT).pathname],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return gzipSync(stdout, { level: 9 }).length;
}

function assertAtMost(bytes: number, most: number): void {
  assert(bytes <= most, `${bytes} bytes, more than ${most}`);
}

Deno.test("The core is no larger than it was", async () => {
  assertAtMost(await compressedBytes({}), MOST_BYTES);
});

Deno.test("The core in browsers has no machine code, and is no larger than it was", async () => {
  assertAtMost(await compressedBytes(IN_BROWSERS), MOST_BYTES_IN_BROWSERS);
});

/** What belongs to other entry points, each of which may use the core. */
const NOT_CORE = [
  "src/cli/",
  "src/execution/map.ts",
  "src/execution/sequence.ts",
  "src/io/",
  "src/kernels/maps/",
  "src/network/",
  "src/train/",
];

Deno.test("The core reaches nothing of training, files and networks", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", new URL("mod.ts", ROOT).href],
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const paths: string[] = modules.map(({ specifier }: { specifier: string }) =>
    specifier.slice(ROOT.href.length)
  );
  assert(paths.includes("mod.ts"));
  assertEquals(paths.filter((path) => NOT_CORE.some((other) => path.startsWith(other))), []);
});
