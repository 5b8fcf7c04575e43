/**
 * Deno on another processor, which is emulated instruction by instruction.
 *
 * @module
 */

import { install, type Missing, programPath } from "../../bench/runtimes/programs.ts";
import type { Host, Run, SuiteFiles } from "./host.ts";
import { runProgram } from "./processes.ts";

/** As Debian calls the emulator, and the C library of arm64 for other machines. */
const DEBIAN_PACKAGES = ["qemu-user-static", "libc6-arm64-cross", "libgcc-s1-arm64-cross"];

/** Of so many layers one is computed: all take minutes. */
const STEP = 8;

/** Deno on arm64, the same version as this one. It runs every eighth of the layers. */
export function arm64Host(): Host {
  return { id: "arm", name: "Deno, arm64 emulated", run: runOnArm64 };
}

async function runOnArm64(files: SuiteFiles): Promise<Run | Missing> {
  const system = await unpackSystem(files.folder);
  if (typeof system !== "string") return system;
  const version = Deno.version.deno;
  const packaged = { package: "@deno/linux-arm64-glibc", version, path: "deno" };
  const program = await install(packaged, files.folder);
  if (typeof program !== "string") return program;
  const emulated = `${files.folder}/deno-arm64`;
  await Deno.writeTextFile(emulated, emulation(system, program), { mode: 0o755 });
  // The optimizing compiler is slower than what it makes faster here. It is not the one of WebAssembly.
  const flags = ["run", "--no-prompt", "--allow-read", "--allow-write", "--v8-flags=--no-opt"];
  return await runProgram(emulated, { flags, backend: "auto" }, await someOf(files));
}

/** A program that runs another one. */
function emulation(system: string, program: string): string {
  const emulator = `${system}/usr/bin/qemu-aarch64-static`;
  return `#!/bin/sh\nexec "${emulator}" -L "${system}/usr/aarch64-linux-gnu" "${program}" "$@"\n`;
}

/** The emulator and the library, in a folder of their own: nothing is installed. */
async function unpackSystem(folder: string): Promise<string | Missing> {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if (await programPath([tool]) === null) {
      return { missing: `${tool}, which unpacks the emulator` };
    }
  }
  const system = `${folder}/arm64`;
  await Deno.mkdir(system);
  const fetched = await new Deno.Command("apt-get", {
    args: ["download", ...DEBIAN_PACKAGES],
    cwd: system,
  }).output();
  if (!fetched.success) {
    return { missing: `${DEBIAN_PACKAGES.join(", ")} of Debian, which apt-get does not find` };
  }
  for (const { name } of [...Deno.readDirSync(system)]) {
    const args = ["-x", `${system}/${name}`, system];
    const { success, stderr } = await new Deno.Command("dpkg-deb", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
  return system;
}

/** A few of the records, spread over them. */
async function someOf(files: SuiteFiles): Promise<SuiteFiles> {
  const lines = (await Deno.readTextFile(`${files.folder}/${files.records}`)).trim().split("\n");
  const records = `some-${files.records}`;
  const some = lines.filter((_, index) => index % STEP === 0);
  await Deno.writeTextFile(`${files.folder}/${records}`, some.join("\n"));
  return { ...files, records };
}
