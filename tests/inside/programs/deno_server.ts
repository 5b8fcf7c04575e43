/**
 * A handler of `Deno.serve()`, whose server is shut down by a signal.
 *
 * @module
 */

import { Engine } from "../../../mod.ts";
import { answer } from "./answer.ts";

const engine = new Engine({ threads: 2 });

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, async (request) => new Response(await answer(engine, await request.arrayBuffer())));

if (Deno.args[0] === "graceful") {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const stop = () => {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
    server.shutdown();
  };
  for (const signal of signals) Deno.addSignalListener(signal, stop);
}
