import { assert, assertEquals } from "@std/assert";
import { Conv2d, ConvTranspose2d, Engine, Tensor } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { meanSquaredError, SGD, Tape } from "../../src/train/mod.ts";
import { assertEmpty, lostThread, withoutWorkers } from "../engine/_lost_thread.ts";

/** A network that goes down and up again, and how to train it. */
class Trained {
  readonly #tape = new Tape();
  readonly #down: Conv2d;
  readonly #up: ConvTranspose2d;
  readonly #optimizer: SGD;
  readonly #input = Tensor.randn([4, 6, 30, 30], { seed: 3 });

  constructor(engine: Engine) {
    this.#down = new Conv2d(6, 32, 3, {
      engine,
      stride: 2,
      padding: 1,
      activation: "relu",
      seed: 1,
    });
    this.#up = new ConvTranspose2d(32, 6, 4, { engine, stride: 2, padding: 1, seed: 2 });
    const parameters = [...this.#down.parameters(), ...this.#up.parameters()];
    this.#optimizer = new SGD(parameters, { learningRate: 0.05, momentum: 0.9 });
  }

  async step(): Promise<void> {
    const tape = this.#tape;
    const hidden = await tape.forward(this.#down, this.#input);
    const output = await tape.forward(this.#up, hidden);
    const { gradient } = meanSquaredError(output, this.#input);
    await tape.backward(output, gradient);
    this.#optimizer.step();
    this.#optimizer.zeroGrad();
    tape.clear();
  }

  /** The parameters as they are. */
  parameters(): Float32Array[] {
    return [this.#down, this.#up].flatMap((layer) =>
      [...layer.parameters()].map(({ data }) => data.slice())
    );
  }
}

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`A thread that is lost in any phase of a step costs time only, ${backend}`, async () => {
    using _ = withoutWorkers();
    using alone = new Engine({ threads: 1, backend });
    const expected = new Trained(alone);
    await expected.step();
    await expected.step();
    let phases = Infinity;
    for (let at = 0; at < phases; at++) {
      using engine = new Engine({ threads: 2, backend, memory: 2 ** 23 });
      const trained = new Trained(engine);
      {
        using loss = lostThread(engine, at);
        await trained.step();
        assert(loss.shared() > at);
      }
      await trained.step();
      assertEquals(trained.parameters(), expected.parameters(), `lost at ${at}`);
      if (at === 0) {
        using counted = lostThread(engine, Infinity);
        await trained.step();
        phases = counted.shared();
      }
    }
    assert(phases > 8, `${phases} phases`);
  });

  Deno.test(`A thousand steps take no more memory than a hundred, ${backend}`, async () => {
    using engine = new Engine({ threads: 2, backend, memory: 2 ** 23 });
    const trained = new Trained(engine);
    const { shared } = runtimeOf(engine);
    const inUse: number[] = [];
    for (let step = 1; step <= 1000; step++) {
      await trained.step();
      if (step % 100 === 0) inUse.push(shared.heap.bytes - shared.heap.freeBytes);
    }
    const [first = NaN] = inUse;
    // Results that nobody reads any more leave when they are collected, or when there is no room.
    assert(inUse.every((bytes) => bytes <= 2 * first), `${inUse}`);
    assertEmpty(engine, "after all steps");
  });
}
