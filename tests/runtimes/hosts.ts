import { browserHosts } from "./browsers.ts";
import { arm64Host } from "./emulated.ts";
import type { Host } from "./host.ts";
import { bunHost, denoHost, nodeHost } from "./processes.ts";

/** Where the suite is run. */
export const HOSTS: readonly Host[] = [
  denoHost("deno"),
  denoHost("deno", { flags: ["--allow-ffi"], backend: "auto" }),
  nodeHost("20.20.2"),
  nodeHost("22.23.3"),
  nodeHost("24.21.0"),
  nodeHost("26.12.1"),
  nodeHost("26.12.1", { flags: ["--experimental-ffi"], backend: "native" }),
  bunHost("1.4.5"),
  bunHost("1.4.5", { flags: [], backend: "native" }),
  ...browserHosts(),
  arm64Host(),
];
