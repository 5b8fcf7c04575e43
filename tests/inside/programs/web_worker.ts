/// <reference lib="deno.worker" />
import { compute } from "./compute.ts";

self.onmessage = async ({ data }) => self.postMessage(await compute(data));
