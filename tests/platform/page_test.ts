import { assert, assertEquals } from "@std/assert";
import { hasSameBytes, hasSameWords } from "../../src/platform/bytes.ts";
import { runProgram } from "../_program.ts";

const ROOT = new URL("../../", import.meta.url);

/** What Deno has and a page has not, or not like that. */
const AS_ON_A_PAGE = `
for (const name of ["Deno", "process", "Buffer", "global", "setImmediate", "Window"]) {
  delete globalThis[name];
}
const wait = Atomics.wait;
Atomics.wait = () => { throw new TypeError("Atomics.wait cannot be called in this context"); };
`;

const THREE_CALLS = `
const { Conv2d, Engine, Tensor } = await import("${new URL("mod.ts", ROOT)}");
const engine = new Engine({ threads: 2 });
await engine.ready;
const layer = new Conv2d(8, 16, 3, { seed: 1, padding: 1, engine });
const input = Tensor.uniform([4, 8, 40, 40], { seed: 2 });
const first = layer.forwardSync(input);
const again = layer.forwardSync(input);
const later = await layer.forward(input);
const same = [again, later].every(({ data }) => data.join() === first.data.join());
console.log(engine.threads, engine.backend, same);
engine.close();
`;

// What Deno leaves of its message ports keeps the process; a page has no end of its own.
const END = `setTimeout(() => { throw "over"; }, 0);`;

Deno.test("Layers compute where there is nothing but what a page has", async () => {
  const { out, err } = await runProgram(AS_ON_A_PAGE + THREE_CALLS + END, ["--allow-read"]);
  assertEquals([out, err.includes("over")], ["2 wasm true\n", true]);
});

Deno.test("One thread computes on a page that is not cross-origin isolated", async () => {
  const source = `${AS_ON_A_PAGE}delete globalThis.SharedArrayBuffer;${THREE_CALLS}${END}`;
  const { out, err } = await runProgram(source, ["--allow-read"]);
  assertEquals([out, err.includes("over")], ["1 wasm true\n", true]);
});

Deno.test("Arrays have the same bytes with and without Buffer", () => {
  const same = new Float32Array(new SharedArrayBuffer(16), 4, 3);
  const values = Float32Array.of(0, NaN, 3);
  same.set(values);
  for (const compare of [hasSameBytes, hasSameWords]) {
    assert(compare(values, same));
    assert(!compare(values, values.subarray(1)));
    assert(!compare(values, Float32Array.of(-0, NaN, 3)));
    assert(!compare(values, Float32Array.of(0, NaN, 4)));
    assert(compare(new Float32Array(), new Float32Array()));
  }
});
