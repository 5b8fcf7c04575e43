import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  bundle,
  bunProgram,
  install,
  nodeProgram,
  type PackagedProgram,
  programPath,
} from "../../bench/runtimes/programs.ts";
import { nativeTargets } from "../codegen/_native.ts";
import { TestFolder } from "../_folder.ts";

const NODE = nodeProgram("26.12.1");
const BUN = bunProgram("1.4.5");

/** Prints the code that engines run which may choose it and which may not, or what they miss. */
const BACKENDS = `
import { Engine } from "./mod.mjs";
for (const backend of ["auto", "native"]) {
  try {
    console.log(new Engine({ threads: 1, backend }).backend);
  } catch ({ message }) {
    console.log(message);
  }
}`;

/** Prints how much more memory and how many more threads are left of many engines than of few. */
const MANY_ENGINES = `
import { readdirSync } from "node:fs";
import { Conv2d, Engine, Tensor } from "./mod.mjs";
const input = Tensor.randn([1, 16, 40, 40], { seed: 1 });
const threads = () => readdirSync("/proc/self/task").length;
async function figuresAfter(engines, most) {
  for (let i = 0; i < engines; i++) {
    const engine = new Engine({ threads: 2, backend: "native", memory: 2 ** 26 });
    await engine.ready;
    const layer = new Conv2d(16, 16, 3, { engine, seed: 2 });
    layer.forwardSync(input).data;
    (await layer.forward(input)).data;
    engine.close();
  }
  // They end when they next look.
  for (let tries = 0; tries < 100 && (tries < 10 || threads() > most); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { bytes: process.memoryUsage().rss, threads: threads() };
}
const few = await figuresAfter(50, Infinity);
const many = await figuresAfter(100, few.threads);
console.log(JSON.stringify({ bytes: many.bytes - few.bytes, threads: many.threads - few.threads }));`;

/** Ends threads in the middle of calls, then prints whether a call gives what it gave before. */
const ENDED_THREADS = `
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { Conv2d, Engine, Tensor } from "./mod.mjs";
const engine = new Engine({ threads: 2, backend: "native", memory: 2 ** 26 });
const layer = new Conv2d(64, 64, 3, { engine, seed: 1 });
const input = Tensor.randn([4, 64, 56, 56], { seed: 2 });
if (!isMainThread) {
  layer.forwardSync(input).data;
  parentPort.postMessage("at work");
  for (;;) layer.forwardSync(input).data;
}
const expected = layer.forwardSync(input).data;
for (let i = 0; i < 10; i++) {
  const worker = new Worker(new URL(import.meta.url));
  await new Promise((resolve) => worker.once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, 3 * i));
  await worker.terminate();
}
const actual = layer.forwardSync(input).data;
console.log(actual.every((value, index) => value === expected[index]));`;

/** Runs a program, which has to end by itself; gives what it printed. */
async function run(
  program: string,
  flags: readonly string[],
  source: string,
  folder: TestFolder,
): Promise<string> {
  const main = folder.file("main.mjs");
  Deno.writeTextFileSync(main, source);
  const command = new Deno.Command(program, { args: [...flags, main], env: { NO_COLOR: "1" } });
  const { code, signal, stdout, stderr } = await command.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals({ code, signal }, { code: 0, signal: null }, `${out}${err}`);
  return (out ?? "").trim();
}

async function installed(program: PackagedProgram, folder: TestFolder): Promise<string> {
  const path = await install(program, folder.path);
  if (typeof path !== "string") throw new Error(`It needs ${path.missing}`);
  return path;
}

const IS_HERE = nativeTargets().length > 0 && await programPath(["npm"]) !== null;

/** With Node.js's own permissions, what the programs need besides native functions. */
const RESTRICTED = ["--permission", "--allow-fs-read=*", "--allow-worker"];

Deno.test({
  name: "Native code outside of Deno",
  ignore: !IS_HERE,
  fn: async (t) => {
    using folder = new TestFolder();
    await bundle("mod.ts", folder.file("mod.mjs"));
    const [node, bun] = [await installed(NODE, folder), await installed(BUN, folder)];

    const ways = [
      { program: node, flags: [], auto: "wasm", native: "native" },
      { program: node, flags: ["--experimental-ffi"], auto: "native", native: "native" },
      {
        program: node,
        flags: ["--no-experimental-ffi"],
        auto: "wasm",
        native: "Node.js from 26.1 on",
      },
      { program: node, flags: RESTRICTED, auto: "wasm", native: "the permission --allow-ffi" },
      { program: node, flags: [...RESTRICTED, "--allow-ffi"], auto: "native", native: "native" },
      { program: bun, flags: [], auto: "wasm", native: "native" },
    ];
    for (const { program, flags, auto, native } of ways) {
      const name = [program === node ? "Node.js" : "Bun", ...flags].join(" ");
      await t.step(`is run by itself where the user allowed it: ${name}`, async () => {
        const [byItself, asked] = (await run(program, flags, BACKENDS, folder)).split("\n");
        assertEquals(byItself, auto);
        assertStringIncludes(asked ?? "", native);
      });
    }

    for (const [name, program] of [["Node.js", node], ["Bun", bun]] as const) {
      await t.step(`leaves nothing of engines that are closed, in ${name}`, async () => {
        const { bytes, threads } = JSON.parse(await run(program, [], MANY_ENGINES, folder));
        assert(threads <= 0, `${threads} threads`);
        // An engine that stays takes 2 MB, a huge page.
        assert(bytes < 2e7, `${bytes} bytes`);
      });

      await t.step(`outlives threads that are ended in the middle of it, in ${name}`, async () => {
        assertEquals(await run(program, [], ENDED_THREADS, folder), "true");
      });
    }
  },
});
