import { type Engine, Tensor } from "../../../mod.ts";
import { INPUT, wholeNumberLayer } from "./numbers.ts";

/** Answers a request that holds an input with the output: a layer of the same engine for each. Says that it does. */
export async function answer(engine: Engine, body: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  console.log("asked");
  const input = new Tensor(new Float32Array(body), INPUT);
  const { data } = await wholeNumberLayer(engine).forward(input);
  return new Uint8Array(data.slice().buffer);
}
