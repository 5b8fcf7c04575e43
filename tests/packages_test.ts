import { assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);

/** The text of every module that is published. */
async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield Deno.readTextFile(new URL(name, folder));
  }
}

// `deno task` fetches every package among the imports, and every one in the lock of the configuration,
// before it runs a task. Those in the scopes are fetched by who imports them.

Deno.test("deno.json has no packages for all but what src imports", async () => {
  const unused = new Set(Object.keys(config.imports));
  for (const folder of ["src/", "workers/"]) {
    for await (const text of sources(new URL(folder, ROOT))) {
      for (const name of unused) {
        if (text.includes(`from "${name}"`)) unused.delete(name);
      }
    }
  }
  assertEquals([...unused], []);
});

Deno.test("deno.json has no lock for all: each task names it", () => {
  assertEquals(config.lock, false);
  const withoutLock = Object.entries(config.tasks).filter(([, command]) =>
    command.split("&&").some((step) =>
      /deno (run|test|bench|check)/.test(step) && !`${step} `.includes(" --lock=deno.lock ")
    )
  );
  assertEquals(withoutLock, []);
});

for (const [name, path] of Object.entries(config.exports)) {
  Deno.test(`The entry point ${name} begins with what it is, and an example that runs`, async () => {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const [comment = ""] = text.split(" */");
    assertMatch(comment, /^\/\*\*\n \* \w.* \* @example\n \* ```ts\n.* \* @module\n$/s);
  });
}
