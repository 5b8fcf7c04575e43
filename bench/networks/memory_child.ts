/**
 * The process that {@linkcode measureMemory} starts: prints how many bytes a peer needs for a network.
 *
 * @module
 */

import { peakBytes } from "./memory.ts";
import { openPeer } from "./peers.ts";
import { drawInput } from "./problem.ts";

/** What is kept until garbage is collected adds up over calls. */
const CALLS = 4;

const [file = "", shape = "", name = "", threads = ""] = Deno.args;
const inputShape: readonly number[] = JSON.parse(shape);
const problem = {
  model: await Deno.readFile(file),
  input: drawInput(inputShape),
  inputShape,
  flop: NaN,
};
const before = peakBytes() ?? NaN;
const peer = await openPeer(name);
const prepared = await peer.prepare(problem, Number(threads));
for (let call = 0; call < CALLS; call++) await prepared.run();
console.log((peakBytes() ?? NaN) - before);
// Threads of some peers would keep it alive.
Deno.exit();
