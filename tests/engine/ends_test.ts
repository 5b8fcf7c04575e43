import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runProgram } from "../_program.ts";

const MOD = new URL("../../mod.ts", import.meta.url).href;
const DISPATCHER = new URL("../../src/engine/dispatcher.ts", import.meta.url).href;

/** A layer whose code is there and whose threads are up, and an input that keeps it for a while. */
const SETTING = (backend: string, isReady = true) => `
import { Conv2d, Engine, Tensor } from "${MOD}";
const engine = new Engine({ threads: 3, backend: "${backend}" });
${isReady ? "await engine.ready;" : ""}
const layer = new Conv2d(64, 64, 3, { padding: 1, engine });
await layer.forward(Tensor.randn([1, 64, 112, 112]));
const input = Tensor.randn([8, 64, 112, 112]);
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const fail = () => {
  throw new TypeError("on purpose");
};
`;

/** How a program can end while calls are in flight, the first of them computing. */
const ENDS = {
  "throws at its top level": "await pause(10); fail();",
  "throws before anything has been waited for": "fail();",
  "throws in a timer": "setTimeout(fail, 10); await pause(60_000);",
  "throws in a microtask": "setTimeout(() => queueMicrotask(fail), 10); await pause(60_000);",
  "rejects a promise that nobody handles":
    `setTimeout(() => void Promise.reject(new TypeError("on purpose")), 10); await pause(60_000);`,
  "exits": `await pause(10); console.error("TypeError: on purpose"); Deno.exit(1);`,
};

const CALLS = {
  "a call": "layer.forward(input);",
  "calls that wait": "for (let call = 0; call < 3; call++) layer.forward(input);",
  "a call with a place for its output":
    "layer.forward(input, { out: Tensor.zeros([8, 64, 112, 112]) });",
};

for (const backend of ["wasm", "auto"]) {
  for (const [what, end] of Object.entries(ENDS)) {
    Deno.test(`A program that ${what} with calls in flight ends with its message, ${backend}`, async () => {
      for (const calls of Object.values(CALLS)) {
        const source = `${SETTING(backend)}${calls}\n${end}`;
        const { code, out, err } = await runProgram(source, ["-A"]);
        assertStringIncludes(err, "TypeError: on purpose");
        assertEquals([code, out], [1, ""]);
      }
    });
  }
}

const COMPUTING = {
  async: "for (;;) await Promise.all([layer.forward(input), layer.forward(input)]);",
  sync: "for (;;) { layer.forwardSync(input).data.at(0); await pause(0); }",
};

for (const [way, computing] of Object.entries(COMPUTING)) {
  Deno.test({
    name: `Workers that are terminated while they compute, ${way}, leave nothing behind`,
    // What a process has is looked up in Linux's /proc.
    ignore: Deno.build.os !== "linux",
    async fn() {
      const worker = `data:application/typescript,${
        encodeURIComponent(`${SETTING("auto", false)}self.postMessage("up");\n${computing}`)
      }`;
      const source = `
const turn = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const threads = () => [...Deno.readDirSync("/proc/self/task")].length;
/** Mappings as large as an engine's memory, which may be side by side. */
const memories = () =>
  Deno.readTextFileSync("/proc/self/maps").split("\\n").reduce((sum, line) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    const bytes = Number("0x" + (end ?? 0)) - Number("0x" + (start ?? 0));
    return sum + Math.floor(bytes / 2 ** 30);
  }, 0);
const before = threads();
for (let round = 0; round < 4; round++) {
  const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  await turn(7 * round);
  worker.terminate();
}
for (let tries = 0; tries < 600 && (threads() > before || memories() > 0); tries++) await turn(100);
console.log(Math.max(0, threads() - before), "threads,", memories(), "memories");
`;
      const ending = await runProgram(source, ["-A"]);
      assertEquals(ending, { code: 0, out: "0 threads, 0 memories\n", err: "" });
    },
  });
}

for (const backend of ["wasm", "auto"]) {
  Deno.test(`A program ends with the error of a time limit that ends a call in its middle, ${backend}`, async () => {
    const source = `
import vm from "node:vm";
${SETTING(backend)}
const globals = globalThis as unknown as { sync(): void };
globals.sync = () => {
  for (;;) layer.forwardSync(input);
};
vm.runInThisContext("sync()", { timeout: 100 });
`;
    const { code, out, err } = await runProgram(source, ["-A"]);
    assertStringIncludes(err, "timed out");
    assertEquals([code, out], [1, ""]);
  });

  Deno.test(`An engine can be closed after a time limit that ended a call in its middle, ${backend}`, async () => {
    const source = `
import vm from "node:vm";
${SETTING(backend)}
const globals = globalThis as unknown as { sync(): void };
globals.sync = () => {
  for (;;) layer.forwardSync(input);
};
try {
  vm.runInThisContext("sync()", { timeout: 100 });
} catch {
  engine.close();
}
await pause(300);
console.log("still there");
`;
    const ending = await runProgram(source, ["-A"]);
    assertEquals(ending, { code: 0, out: "still there\n", err: "" });
  });
}

Deno.test("A call that is ended by the time limit of a script leaves an engine that computes", async () => {
  const source = `
import vm from "node:vm";
${SETTING("auto")}
const small = Tensor.randn([2, 64, 56, 56], { seed: 0 });
const expected = layer.forwardSync(small).data.join();
const globals = globalThis as unknown as { sync(): void; async(): void };
globals.sync = () => {
  for (;;) layer.forwardSync(input);
};
globals.async = () => {
  for (;;) layer.forward(input).catch(() => {});
};
let ended = 0;
for (let round = 0; round < 8; round++) {
  try {
    vm.runInThisContext(round % 2 === 0 ? "sync()" : "async()", { timeout: 20 + 7 * round });
  } catch {
    ended++;
  }
  if (layer.forwardSync(small).data.join() !== expected) console.log("other bits, sync");
  if ((await layer.forward(small)).data.join() !== expected) console.log("other bits, async");
}
console.log(ended);
`;
  const ending = await runProgram(source, ["-A"]);
  assertEquals(ending, { code: 0, out: "8\n", err: "" });
});

Deno.test("A call that is ended in the middle of its work by the time limit of a script keeps nobody waiting", async () => {
  const source = `
import vm from "node:vm";
import { Dispatcher } from "${DISPATCHER}";
${SETTING("auto")}
const small = Tensor.randn([2, 64, 56, 56], { seed: 0 });
const expected = layer.forwardSync(small).data.join();
let isStuck = false;
const { begin } = Dispatcher.prototype;
Dispatcher.prototype.begin = function (run, workers) {
  const step = begin.call(this, run, workers);
  while (isStuck);
  return step;
};
const globals = globalThis as unknown as { compute(way: number): void };
globals.compute = (way) => {
  isStuck = true;
  if (way === 0) layer.forwardSync(small);
  else layer.forward(small).catch(() => {});
};
let ended = 0;
for (const way of [0, 1, 1, 0]) {
  try {
    vm.runInThisContext(\`compute(\${way})\`, { timeout: 50 });
  } catch {
    ended++;
  }
  isStuck = false;
  const outputs = await Promise.all([layer.forward(small), layer.forward(small)]);
  console.log(outputs.every(({ data }) => data.join() === expected));
}
console.log(ended);
`;
  const ending = await runProgram(source, ["-A"]);
  assertEquals(ending, { code: 0, out: `${"true\n".repeat(4)}4\n`, err: "" });
});

Deno.test("An asynchronous call that a synchronous one was finishing at its time limit is rejected, and says why", async () => {
  const source = `
import vm from "node:vm";
import { Dispatcher } from "${DISPATCHER}";
${SETTING("auto")}
const small = Tensor.randn([2, 64, 56, 56], { seed: 0 });
for (const x of [small, input]) await layer.forward(x);
let isStuck = false;
const { begin } = Dispatcher.prototype;
Dispatcher.prototype.begin = function (run, workers) {
  const step = begin.call(this, run, workers);
  while (isStuck);
  return step;
};
const globals = globalThis as unknown as { sync(): void };
globals.sync = () => layer.forwardSync(small);
const pending = layer.forward(input).then(() => "done", (error) => error.message);
isStuck = true;
try {
  vm.runInThisContext("sync()", { timeout: 50 });
} catch {
  isStuck = false;
}
console.log(await pending);
console.log((await layer.forward(small)).size);
`;
  const { code, out, err } = await runProgram(source, ["-A"]);
  assertMatch(out, /^The call was ended in the middle of its work, .*\n401408\n$/);
  assertEquals([code, err], [0, ""]);
});
