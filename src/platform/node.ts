/**
 * The modules of Node.js, and of what imitates it, without an `import`: where there are none, as in a browser, that
 * would be an error, and bundlers would ask what to do about it.
 *
 * @module
 */

/** What is used of them. */
interface NodeModules {
  readonly "node:fs/promises": typeof import("node:fs/promises");
  readonly "node:fs": typeof import("node:fs");
  readonly "node:module": typeof import("node:module");
  readonly "node:os": typeof import("node:os");
  readonly "node:process": typeof import("node:process");
  readonly "node:worker_threads": typeof import("node:worker_threads");
}

/**
 * A module of Node.js; `null` where it is not there. In Deno it costs 20 milliseconds the first time: ask there for
 * nothing that Deno has itself.
 *
 * @param name Its name, with `node:`.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | null {
  const process: unknown = Reflect.get(globalThis, "process");
  if (typeof process !== "object" || process === null) return null;
  const getBuiltinModule: unknown = Reflect.get(process, "getBuiltinModule");
  if (typeof getBuiltinModule !== "function") return null;
  return getBuiltinModule.call(process, name) ?? null;
}
