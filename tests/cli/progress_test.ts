import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/progress.ts";
import { startProgress } from "../../src/cli/progress.ts";
import { writePng } from "../../src/io/pictures/png.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";

/** A stream that keeps what is drawn on it. */
class Screen implements Terminal {
  readonly columns = 80;
  drawn = "";

  constructor(readonly isTTY: boolean) {}

  write(text: string): boolean {
    this.drawn += text;
    return true;
  }
}

const SHOW_CURSOR = "\x1B[?25h";

Deno.test("startProgress() draws a bar on a terminal, takes it away and gives the cursor back", () => {
  const screen = new Screen(true);
  {
    using progress = startProgress("rows", 40, screen);
    progress.advance(30);
    progress.advance();
    assertStringIncludes(screen.drawn, "0 of 40 rows");
    assert(!screen.drawn.includes(SHOW_CURSOR));
  }
  assertStringIncludes(screen.drawn, "31 of 40 rows");
  assertStringIncludes(screen.drawn.slice(screen.drawn.lastIndexOf("rows")), SHOW_CURSOR);
});

Deno.test("startProgress() draws nothing on what is no terminal", () => {
  const screen = new Screen(false);
  for (const terminal of [screen, undefined]) {
    using progress = startProgress("rows", 40, terminal);
    progress.advance(40);
  }
  assertEquals(screen.drawn, "");
});

Deno.test("Whatever may take more than a second shows how far it is", async () => {
  using folder = new TestFolder();
  const picture = folder.file("a.png");
  await writePng(picture, { pixels: Tensor.ones([1, 40, 40]), bitDepth: 8 });
  const layer = ["conv1d", "--input-shape", "1,9", "--kernel-size", "3", "--out-channels", "1"];
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["of 40 rows", ["filter", "edges", picture, folder.file("b.png")]],
    ["of 3 layers", ["check", "--count", "3"]],
    ["0 of 1 calls, 0s so far", ["run", ...layer]],
    ["of 4 calls", ["run", ...layer, "--repeat", "3"]],
    ["of 4 pictures", ["demo", "--out", folder.file("demo")]],
  ];
  for (const [text, args] of cases) {
    const screen = new Screen(true);
    const print = () => assert(screen.drawn.endsWith("\x1B[2K"), "the bar is gone");
    const code = await main([...args, "--threads", "1"], { print, warn: print, terminal: screen });
    assertEquals(code, 0);
    assertStringIncludes(screen.drawn, text);
  }
});

Deno.test({
  name: "Ctrl-C leaves no unfinished file",
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = new TestFolder();
    await writePng(folder.file("a.png"), {
      pixels: Tensor.uniform([3, 500, 700], { seed: 1 }),
      bitDepth: 8,
    });
    const entry = new URL("../../src/cli/main.ts", import.meta.url).href;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-RW", entry, "filter", "upscale", "a.png", "b.png", "--scale", "8"],
      cwd: folder.path,
      stdout: "null",
      stderr: "null",
    }).spawn();
    while (!folder.names().some((name) => name.endsWith(".tmp"))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    process.kill("SIGINT");
    assertEquals((await process.status).code, 130);
    assertEquals(folder.names(), ["a.png"]);
  },
});
