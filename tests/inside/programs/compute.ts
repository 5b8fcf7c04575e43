import { Engine, type Tensor } from "../../../mod.ts";
import { INPUT, wholeNumberLayer, wholeNumbers } from "./numbers.ts";

/** What a user's worker is asked for. */
export interface Order {
  /** The seed of the first input. */
  readonly first: number;
  /** How many inputs. */
  readonly count: number;
  /** How many times it is computed. */
  readonly times: number;
}

/**
 * Computes an order on an engine of its own, which is never closed: one half of it while the other half waits.
 *
 * @returns The outputs.
 */
export async function compute({ first, count, times }: Order): Promise<readonly Float32Array[]> {
  const engine = new Engine({ threads: 2 });
  await engine.ready;
  const layer = wholeNumberLayer(engine);
  const inputs = Array.from({ length: count }, (_, index) => wholeNumbers(INPUT, first + index));
  const half = count / 2;
  let outputs: readonly Tensor[] = [];
  for (let time = 0; time < times; time++) {
    const waiting = inputs.slice(half).map((input) => layer.forward(input));
    const sync = inputs.slice(0, half).map((input) => layer.forwardSync(input));
    outputs = [...sync, ...await Promise.all(waiting)];
  }
  return outputs.map(({ data }) => data.slice());
}
