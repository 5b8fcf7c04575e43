import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { compilerFor, missingForNative } from "../../src/engine/backend.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Conv1d, Conv2d } from "../../src/layers/conv.ts";
import type { ExplainOptions, Listing } from "../../src/execution/explain.ts";

/** The code of a layer of three taps on one channel. */
function listingOf(engine: Engine): Listing {
  const { phases } = new Conv1d(1, 1, 3, { engine }).explain([1, 32], { code: true });
  const listing = phases.at(-1)?.listings?.[0];
  if (listing === undefined) throw new Error("There is no code");
  return listing;
}

/** The bytes that a listing shows. */
function bytesOf({ bytes }: Listing): Uint8Array<ArrayBuffer> {
  const digits = bytes.split("\n").flatMap((line) => line.split(/ +/).slice(1));
  return Uint8Array.from(digits, (byte) => parseInt(byte, 16));
}

Deno.test("explain() names the backend and its instructions, for an empty batch too", () => {
  using wasm = new Engine({ threads: 1, backend: "wasm" });
  using best = new Engine({ threads: 1 });
  for (const shape of [[2, 1, 32], [0, 1, 32]]) {
    const explain = (engine: Engine) => {
      const { backend, instructionSet } = new Conv1d(1, 1, 3, { engine }).explain(shape);
      return [backend, instructionSet];
    };
    assertEquals(explain(wasm), ["wasm", "wasm"]);
    assertEquals(explain(best), [best.backend, compilerFor("auto").target.name]);
  }
});

Deno.test("explain() lists code where it is asked for, for every program of every phase", () => {
  const layer = new Conv2d(32, 32, 3, { padding: 1 });
  for (const options of [undefined, {}, { code: false }]) {
    const { phases } = layer.explain([1, 32, 14, 14], options);
    assert(phases.length > 0 && phases.every((phase) => !("listings" in phase)));
  }
  const plain = layer.explain([1, 32, 14, 14]);
  const { phases } = layer.explain([1, 32, 14, 14], { code: true });
  assertEquals(phases.map(({ listings: _, ...rest }) => rest), plain.phases);
  for (const { programs, listings = [] } of phases) {
    assertEquals(listings.map(({ program }) => program), programs);
    for (const { instructions, bytes } of listings) {
      assertStringIncludes(instructions, "store ");
      assertMatch(bytes, /^000000 {2}[0-9a-f]{2}( [0-9a-f]{2})*(\n|$)/);
    }
  }
});

Deno.test("explain() shows WebAssembly as a module that is valid by itself", () => {
  using engine = new Engine({ threads: 1, backend: "wasm" });
  const listing = listingOf(engine);
  assertMatch(listing.instructions, /v\d+ \+= v\d+ \* v\d+/);
  const module = new WebAssembly.Module(bytesOf(listing));
  assertEquals(WebAssembly.Module.exports(module), [{ name: "0", kind: "function" }]);
});

Deno.test({
  name: "explain() shows machine code as one function, to its return",
  ignore: missingForNative() !== null,
  fn() {
    using engine = new Engine({ threads: 1, backend: "native" });
    const listing = listingOf(engine);
    assertMatch(listing.instructions, /v\d+ \+= v\d+ \* v\d+/);
    const code = bytesOf(listing);
    assert(code.includes(RET));
    assert(!WebAssembly.validate(code));
  },
});

/** The instruction `ret` of x86-64. */
const RET = 0xc3;

Deno.test("explain() refuses options that it does not know", () => {
  const layer = new Conv1d(1, 1, 3);
  const refused = (options: unknown) => () => layer.explain([1, 32], options as ExplainOptions);
  assertThrows(
    refused({ coed: true }),
    TypeError,
    'Conv1d: unknown option "coed", did you mean "code"?',
  );
  assertThrows(
    refused({ code: 1 }),
    TypeError,
    "Conv1d: code must be true or false, but is 1",
  );
  assertThrows(refused(null), TypeError, "Conv1d: options must be an object, but are null");
});
