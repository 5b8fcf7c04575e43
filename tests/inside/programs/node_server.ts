/**
 * A server as frameworks for Node.js build theirs: functions, each of which does its part and calls the next.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { Engine } from "../../../mod.ts";
import { answer } from "./answer.ts";

type Next = () => Promise<void>;
type Handler = (request: IncomingMessage, response: ServerResponse, next: Next) => Promise<void>;

const engine = new Engine({ threads: 2 });

const handlers: readonly Handler[] = [
  async (_request, response, next) => {
    await next().catch((error) => response.writeHead(500).end(String(error)));
  },
  async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    response.end(
      await answer(engine, await new Blob(parts.map((part) => part.slice())).arrayBuffer()),
    );
  },
];

const server = createServer((request, response) => {
  const from = (index: number): Promise<void> =>
    handlers[index]?.(request, response, () => from(index + 1)) ?? Promise.resolve();
  from(0);
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : address);
});

// What is under way is answered; then nothing keeps the process.
if (process.argv[2] === "graceful") {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      server.close();
      server.closeIdleConnections();
    });
  }
}
