import { parentPort } from "node:worker_threads";
import { compute } from "./compute.ts";

parentPort?.on("message", async (order) => parentPort?.postMessage(await compute(order)));
