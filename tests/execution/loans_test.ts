import { stub } from "@std/testing/mock";
import { Conv2d, Tensor } from "../../mod.ts";
import { assert, assertEquals } from "@std/assert";
import { Engine, runtimeOf } from "../../src/engine/engine.ts";
import { Runtime } from "../../src/engine/runtime.ts";
import { borrowArray, borrowOutput, isWorthBorrowing } from "../../src/execution/loans.ts";

const PAGE_BYTES = 4096;
const FLOAT_BYTES = 4;

/** Where arrays lie, until it is disposed of. */
function arraysAt(address: number | null): Disposable {
  const { addressOf } = Runtime.prototype;
  Runtime.prototype.addressOf = () => address;
  return {
    [Symbol.dispose]() {
      Runtime.prototype.addressOf = addressOf;
    },
  };
}

Deno.test("An array is lent where no read beyond its end is on another page", () => {
  using engine = new Engine({ threads: 1 });
  const runtime = runtimeOf(engine);
  const array = new Float32Array(PAGE_BYTES);
  const end = array.byteLength;
  const isLent = (address: number, beyond: number): boolean => {
    using _ = arraysAt(address);
    const loan = borrowArray(runtime, array, { name: "input", bytes: end + beyond });
    loan?.giveBack();
    if (loan !== null) assertEquals(loan.address, address);
    return loan !== null;
  };
  // In front of the memory or behind it, and with a rest of the last page of no bytes, of some, and of all.
  for (const start of [-(2 ** 40), 0, 2 ** 40]) {
    for (const rest of [0, FLOAT_BYTES, 64, PAGE_BYTES - FLOAT_BYTES]) {
      const address = start - end - rest;
      assert(isLent(address, 0), `${rest} bytes are left of its last page`);
      assert(isLent(address, rest));
      assert(!isLent(address, rest + FLOAT_BYTES));
    }
  }
  using _ = arraysAt(0);
  assert(borrowOutput(runtime, array) !== null);
  // What is small is copied.
  assert(!isWorthBorrowing(4095) && isWorthBorrowing(4096));
  assertEquals(borrowArray(runtime, array.subarray(1), { name: "input", bytes: end }), null);
});

Deno.test("An array that programs do not reach is not lent", () => {
  using engine = new Engine({ threads: 1, backend: "wasm" });
  const array = new Float32Array(PAGE_BYTES);
  assertEquals(borrowOutput(runtimeOf(engine), array), null);
});

Deno.test("Weights that are used as they lie are lent to synchronous calls, and every write to them is seen", async () => {
  for (const threads of [1, 3]) {
    using engine = new Engine({ threads });
    const layer = new Conv2d(64, 128, 3, { engine, seed: 1 });
    const input = Tensor.randn([2, 64, 3, 3], { seed: 2 });
    const lent: Float32Array[] = [];
    const { addressOf } = Runtime.prototype;
    using _ = stub(Runtime.prototype, "addressOf", function (this: Runtime, array: Float32Array) {
      lent.push(array);
      return addressOf.call(this, array);
    });
    for (const weight of [0.5, -2, NaN]) {
      layer.weight.data[64 * 9 + 5] = weight;
      lent.length = 0;
      const output = layer.forwardSync(input).data.slice();
      if (engine.backend === "native") {
        assert(lent.some(({ buffer }) => buffer === layer.weight.data.buffer));
      }
      assertEquals((await layer.forward(input)).data, output);
      const fresh = new Conv2d(64, 128, 3, { engine });
      fresh.loadStateDict(layer.stateDict());
      assertEquals(fresh.freeze().forwardSync(input).data, output);
    }
  }
});
