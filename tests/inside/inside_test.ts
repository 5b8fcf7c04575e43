import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../mod.ts";
import { draws } from "../_depth.ts";
import {
  bunOf,
  DENO,
  endOf,
  hasPackages,
  type Host,
  LIMIT_MS,
  nodeOf,
  run,
  start,
  startFile,
  Workplace,
} from "./_hosts.ts";
import { areEqual, INPUT, wholeNumberLayer, wholeNumbers } from "./programs/numbers.ts";

/** Requests that are under way at the same time. */
const REQUESTS = 24;

/** The lines that a process prints, one by one. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor({ stdout }: Deno.ChildProcess) {
    this.#reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next one. */
  async next(): Promise<string> {
    for (;;) {
      const [line, ...others] = this.#text.split("\n");
      if (line !== undefined && others.length > 0) {
        this.#text = others.join("\n");
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`It ended after: ${this.#text}`);
      this.#text += value;
    }
  }

  /** Waits until so many have come. */
  async skip(count: number): Promise<void> {
    for (let line = 0; line < count; line++) await this.next();
  }

  /** Nobody reads the others. */
  async end(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** The output that a server answers an input with. */
async function ask(port: string, seed: number): Promise<Float32Array> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    // No connection may stay open for later: a server that ends in peace waits for those.
    headers: { connection: "close" },
    body: new Uint8Array(wholeNumbers(INPUT, seed).data.slice().buffer),
  });
  const bytes = await response.arrayBuffer();
  assertEquals(response.status, 200, new TextDecoder().decode(bytes));
  return new Float32Array(bytes);
}

/** Asks a server for many outputs at once, and whether they are right. */
async function areAnswersRight(port: string): Promise<boolean> {
  using engine = new Engine({ threads: 1 });
  const layer = wholeNumberLayer(engine);
  const seeds = Array.from({ length: REQUESTS }, (_, seed) => seed);
  const answers = await Promise.all(seeds.map((seed) => ask(port, seed)));
  return answers.every((answer, seed) =>
    areEqual(answer, layer.forwardSync(wholeNumbers(INPUT, seed)).data)
  );
}

/** Starts a server, asks it, tells it to end when it has been asked again, and returns how it ended. */
async function serve(host: Host, program: string, way: string, signal: Deno.Signal) {
  const child = start(host, program, [way]);
  const err = new Response(child.stderr).text();
  const lines = new Lines(child);
  const port = await lines.next();
  assert(await areAnswersRight(port));
  await lines.skip(REQUESTS);
  const later = areAnswersRight(port).catch(String);
  await lines.skip(REQUESTS);
  child.kill(signal);
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const [ended, answers] = await Promise.all([child.status, later]);
  clearTimeout(limit);
  await lines.end();
  return { code: ended.code, signal: ended.signal, answers, err: await err };
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

async function testServer(host: Host, program: string): Promise<void> {
  for (const signal of SIGNALS) {
    const graceful = await serve(host, program, "graceful", signal);
    assertEquals(graceful, { code: 0, signal: null, answers: true, err: "" });
    const plain = await serve(host, program, "plain", signal);
    assertEquals([plain.signal, plain.err], [signal, ""]);
  }
}

async function testWorkers(host: Host, kind: string): Promise<void> {
  const { code, out, err } = await endOf(start(host, "workers", [kind]));
  const expected = `${"true,true,true\n".repeat(3)}0 threads too many\n`;
  assertEquals({ code, out, err }, { code: 0, out: expected, err: "" });
}

/** How many engines are opened and closed: 300 in `deno task test:inside`. */
const ENGINES = draws(75);

/** In Node.js and Bun, too. */
const isWhole = ENGINES >= 300;

async function testEngines(host: Host, threads: number): Promise<void> {
  const { code, out, err } = await endOf(start(host, "engines", [`${ENGINES}`, `${threads}`]));
  assertEquals({ code, out }, { code: 0, out: "no more threads, no more memory\n" }, err);
}

const CLOSED = "Engines that are opened, used and closed leave threads and memory where they were";
const SERVER =
  "A server answers requests at once, each after an awaited call, and ends when it is told to";
const WORKERS =
  "Engines compute in workers of the user's own, one of which is terminated in a call";

for (const program of ["deno_server", "node_server"]) {
  Deno.test({
    name: `${SERVER}, ${program} in Deno`,
    ignore: Deno.build.os === "windows",
    fn: () => testServer(DENO, program),
  });
}

for (const kind of ["web", "node"]) {
  Deno.test({
    name: `${WORKERS}, ${kind} in Deno`,
    // What a process has is looked up in Linux's /proc.
    ignore: Deno.build.os !== "linux",
    fn: () => testWorkers(DENO, kind),
  });
}

for (const threads of [1, 2]) {
  Deno.test({
    name: `${CLOSED}, threads: ${threads}, in Deno`,
    ignore: Deno.build.os !== "linux",
    fn: () => testEngines(DENO, threads),
  });
}

/** A module for webpack, which knows no TypeScript. */
const PAGE = `
import { Conv2d, Engine, Tensor } from "./package/mod.mjs";
const engine = new Engine({ threads: 2 });
engine.ready.then(async () => {
  const layer = new Conv2d(8, 16, 3, { seed: 1, engine });
  const input = Tensor.uniform([4, 8, 40, 40], { seed: 2 });
  const { data } = await layer.forward(input);
  const others = layer.forwardSync(input).data;
  console.log(engine.threads, engine.backend, data.every((value, index) => value === others[index]));
});
`;

/** A build for pages, minified, or for a server, in CommonJS, as frameworks make them. */
function webpackProgram(workplace: Workplace, target: string): string {
  const options = {
    mode: "production",
    target,
    optimization: { minimize: target === "web" },
    // The whole package is larger than what one module of a page should have.
    performance: { hints: false },
    entry: workplace.file("page.mjs"),
    output: { path: workplace.file(target), filename: "page.cjs" },
  };
  return `
require(${JSON.stringify(workplace.fileOfPackage("webpack"))})(${
    JSON.stringify(options)
  }, (error, stats) => {
  if (error) throw error;
  console.log(JSON.stringify(stats.toJson({ all: false, errors: true, warnings: true })));
});
`;
}

Deno.test({
  name: "Programs of others run in Node.js and Bun",
  ignore: !hasPackages(),
  fn: async (t) => {
    using workplace = new Workplace();
    await workplace.install();
    await Promise.all([workplace.bundlePrograms(), workplace.bundlePackage()]);
    const [node, bun] = [nodeOf(workplace), bunOf(workplace)];
    for (const [host, kinds] of [[node, ["node"]], [bun, ["web", "node"]]] as const) {
      await t.step(`${SERVER}, in ${host.name}`, () => testServer(host, "node_server"));
      for (const kind of kinds) {
        await t.step(`${WORKERS}, ${kind} in ${host.name}`, () => testWorkers(host, kind));
      }
      for (const threads of [1, 2]) {
        await t.step({
          name: `${CLOSED}, threads: ${threads}, in ${host.name}`,
          ignore: !isWhole,
          fn: () => testEngines(host, threads),
        });
      }
    }
    Deno.writeTextFileSync(workplace.file("page.mjs"), PAGE);
    for (const target of ["web", "node"]) {
      await t.step(
        `A bundle of webpack for target "${target}" computes on two threads`,
        async () => {
          const script = workplace.file("webpack.cjs");
          Deno.writeTextFileSync(script, webpackProgram(workplace, target));
          const report = JSON.parse(await run("node", [script]));
          assertEquals([report.errors, report.warnings], [[], []]);
          const ending = await endOf(startFile(node, workplace.file(`${target}/page.cjs`)));
          assertEquals(ending, { code: 0, signal: null, out: "2 wasm true\n", err: "" });
        },
      );
    }
  },
});
