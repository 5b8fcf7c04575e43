import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestFolder } from "../_folder.ts";
import { runProgram } from "../_program.ts";

const ROOT = new URL("../../", import.meta.url);
const MOD = new URL("mod.ts", ROOT).href;
const ENGINE = new URL("src/engine/engine.ts", ROOT).href;

/** Sync, async, and async with nobody waiting for it. */
const ALL_WAYS = `
import { Conv2d, Tensor } from "${MOD}";
const layer = new Conv2d(16, 32, 3, { seed: 1, padding: 1 });
const input = Tensor.randn([4, 16, 48, 48], { seed: 0 });
const sync = layer.forwardSync(input);
const async = await layer.forward(input);
layer.forward(input).then(({ data }) => console.log("later", data.join() === sync.data.join()));
console.log("now", async.data.join() === sync.data.join());
`;

for (const flag of ["-A", "--allow-read", "--no-prompt", "--quiet"]) {
  Deno.test(`A program that calls layers ends by itself under deno run ${flag}`, async () => {
    const ending = await runProgram(ALL_WAYS, [flag]);
    assertEquals(ending, { code: 0, out: "now true\nlater true\n", err: "" });
  });
}

/** Runs a program on a terminal, where Deno can ask for permissions. It gets no answer. */
const ON_TERMINAL = `
import os, pty, select, signal, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
output = b""
limit = time.time() + 60
while time.time() < limit and b"Allow?" not in output:
    if not select.select([terminal], [], [], 0.1)[0]:
        continue
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if part == b"":
        break
    output += part
else:
    os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
sys.stdout.buffer.write(output)
`;

function hasTerminals(): boolean {
  try {
    return new Deno.Command("python3", { args: ["-c", "import pty"] }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "A program that calls layers asks the user for nothing",
  ignore: !hasTerminals(),
  async fn() {
    using folder = new TestFolder();
    const file = folder.file("program.ts");
    Deno.writeTextFileSync(file, ALL_WAYS);
    const { stdout } = await new Deno.Command("python3", {
      args: ["-c", ON_TERMINAL, Deno.execPath(), "run", file],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "now true\r\nlater true\r\n");
  },
});

Deno.test("A program that starts an engine and does nothing with it ends by itself", async () => {
  const source = `import { Engine } from "${MOD}"; new Engine({ threads: 3 });`;
  assertEquals(await runProgram(source, []), { code: 0, out: "", err: "" });
});

Deno.test("A program that throws with calls in flight ends with its error", async () => {
  const { code, out, err } = await runProgram(
    `
import { Conv2d, Tensor } from "${MOD}";
const layer = new Conv2d(16, 32, 3);
layer.forward(Tensor.ones([4, 16, 48, 48])).then(() => console.log("too late"));
throw new TypeError("on purpose");
`,
    [],
  );
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, "TypeError: on purpose");
});

Deno.test("A program ends although a worker hangs with a part of the work", async () => {
  const source = `
import { Pool, workerSource } from "${new URL("src/engine/pool.ts", ROOT)}";
import { Runtime } from "${new URL("src/engine/runtime.ts", ROOT)}";
import { SharedMemory } from "${new URL("src/engine/shared_memory.ts", ROOT)}";
import { compilerFor } from "${new URL("src/engine/backend.ts", ROOT)}";
import { geometryOf } from "${new URL("src/convolution/geometry.ts", ROOT)}";
import { resolveSettings } from "${new URL("src/convolution/settings.ts", ROOT)}";
import { convolutionTask } from "${new URL("tests/engine/_convolution_task.ts", ROOT)}";
const evil = workerSource({ runUnit: "() => { for (;;); }" });
const runtime = new Runtime(
  new SharedMemory(2 ** 24),
  ({ memory, controlWords }, codeMemory) =>
    new Pool(1, { memory, codeMemory, control: 0, controlWords }, evil),
  compilerFor("auto"),
);
const subject = {
  name: "Conv2d",
  transposed: false,
  rank: 2,
  inChannels: 8,
  outChannels: 8,
  kernelSize: 3,
} as const;
const exercise = {
  geometry: geometryOf(resolveSettings(subject, {}, []), 4, [66, 66]),
  operands: {
    input: new Float32Array(4 * 8 * 66 * 66).fill(1),
    weight: new Float32Array(8 * 8 * 9).fill(1),
    bias: null,
  },
};
while (runtime.started < 1) {
  runtime.startWorker();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
for (let call = 0; call < 2; call++) {
  const [output] = await runtime.run(convolutionTask(runtime, [exercise]));
  console.log(output?.length, output?.every((sum) => sum === 72));
}
`;
  const ending = await runProgram(source, []);
  assertEquals(ending, { code: 0, out: `${4 * 8 * 64 * 64} true\n`.repeat(2), err: "" });
});

Deno.test("An owner that is collected gives back its memory, an engine its workers", async () => {
  const source = `
import { Conv2d, Engine, Tensor } from "${MOD}";
import { runtimeOf } from "${ENGINE}";
import { Heap } from "${new URL("src/engine/heap.ts", ROOT)}";
import { Residents } from "${new URL("src/engine/residents.ts", ROOT)}";
const until = async (condition: () => boolean) => {
  for (let tries = 0; tries < 1000 && !condition(); tries++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return condition();
};
const heap = new Heap(0, 4096);
const residents = new Residents(heap);
const stays = {};
(() => {
  for (const owner of [{}, {}, stays]) {
    const block = heap.allocate(1024);
    if (block !== null) residents.keep(owner, "weights", block);
  }
})();
console.log(heap.freeBytes, await until(() => heap.freeBytes === 3072));
console.log(residents.get(stays, "weights")?.bytes);
const runtime = (() => {
  const engine = new Engine({ threads: 2 });
  new Conv2d(1, 1, 3, { engine }).forwardSync(Tensor.ones([1, 8, 8]));
  return runtimeOf(engine);
})();
console.log(runtime.workers, await until(() => runtime.workers === 0));
`.replaceAll("gc()", "(globalThis as unknown as { gc(): void }).gc()");
  const ending = await runProgram(source, ["--v8-flags=--expose-gc"]);
  assertEquals(ending, { code: 0, out: "1024 true\n1024\n1 true\n", err: "" });
});

Deno.test({
  name: "A closed engine ends its threads",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const source = `
import { Conv2d, Engine, Tensor } from "${MOD}";
const threads = () => [...Deno.readDirSync("/proc/self/task")].length;
const layerOn = (engine: Engine) => new Conv2d(8, 8, 3, { engine });
const before = threads();
const engine = new Engine({ threads: 4 });
await engine.ready;
if (threads() < before + 3) console.log("They have not started");
layerOn(engine).forwardSync(Tensor.ones([8, 40, 40]));
const call = layerOn(engine).forward(Tensor.ones([8, 40, 40]));
engine.close();
await call;
for (let tries = 0; tries < 3000 && threads() > before; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(Math.max(0, threads() - before));
`;
    const ending = await runProgram(source, ["-A"]);
    assertEquals(ending, { code: 0, out: "0\n", err: "" });
  },
});

/** Serves the files of the repository. */
function serveFiles(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
    try {
      const text = await Deno.readTextFile(new URL(`.${new URL(url).pathname}`, ROOT));
      return new Response(text, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}

Deno.test("A program that imports the module over HTTP has workers, without any permission", async () => {
  await using server = serveFiles();
  using cache = new TestFolder();
  const host = `127.0.0.1:${server.addr.port}`;
  const source = `
import { Conv2d, Engine, Tensor } from "http://${host}/mod.ts";
import { runtimeOf } from "http://${host}/src/engine/engine.ts";
const engine = new Engine({ threads: 2 });
await engine.ready;
const layer = new Conv2d(16, 32, 3, { engine });
const output = await layer.forward(Tensor.ones([4, 16, 48, 48]));
console.log(output.shape.join(), engine.threads, runtimeOf(engine).started);
`;
  const flags = ["--quiet", "--no-prompt", `--allow-import=${host}`];
  const ending = await runProgram(source, flags, { DENO_DIR: cache.path });
  assertEquals(ending, { code: 0, out: "4,32,46,46 2 1\n", err: "" });
});

/** Calls whose outputs come to 1.2 GiB and are dropped at once, while the event loop stands still. */
const DROPPED_OUTPUTS = (backend: string) => `
import { Conv2d, convSync, Engine, Tensor } from "${MOD}";
const engine = new Engine({ threads: 2, backend: "${backend}" });
const layer = new Conv2d(8, 256, 1, { engine });
const next = new Conv2d(256, 1, 1, { engine });
const input = Tensor.ones([8, 56, 56]);
for (let call = 0; call < 150; call++) {
  layer.forwardSync(input).data.at(0);
  next.forwardSync(layer.forwardSync(input));
  convSync(input, Tensor.full([256, 8, 1, 1], call), null, { engine }).data.at(0);
}
console.log(Deno.memoryUsage().rss < 2 ** 29 ? "bounded" : Deno.memoryUsage().rss);
`;

for (const backend of ["wasm", "auto"]) {
  Deno.test(`Outputs that are dropped take no memory in a loop of synchronous calls, ${backend}`, async () => {
    const ending = await runProgram(DROPPED_OUTPUTS(backend), ["-A"]);
    assertEquals(ending, { code: 0, out: "bounded\n", err: "" });
  });
}
