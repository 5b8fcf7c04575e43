import { extname } from "node:path";

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html"],
  [".js", "text/javascript"],
]);

/** What a page must be served with for its threads to share memory. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Far more than any page needs. */
const LIMIT_MS = 60_000;

/**
 * Opens a page in a browser of its own.
 *
 * @param folder What is served to it. It posts its results to `/results`.
 * @param browser Its program.
 * @returns The results.
 */
export async function resultsOfPage(folder: string, browser: string): Promise<unknown> {
  const profile = await Deno.makeTempDir({ prefix: "tileconv-" });
  const results = Promise.withResolvers<unknown>();
  const respond = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/results") {
      results.resolve(await request.json());
      return new Response();
    }
    const path = pathname === "/" ? "/index.html" : pathname;
    const file = await Deno.readFile(folder + path).catch(() => null);
    const type = TYPES.get(extname(path)) ?? "application/octet-stream";
    const headers = { "content-type": type, ...ISOLATED };
    return file === null ? new Response(null, { status: 404 }) : new Response(file, { headers });
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, respond);
  const { port } = server.addr;
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
  const child = new Deno.Command(browser, {
    args: [...flags, `http://127.0.0.1:${port}/`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const limit = setTimeout(
    () => results.reject(new Error(`No results after ${LIMIT_MS} ms`)),
    LIMIT_MS,
  );
  try {
    return await results.promise;
  } finally {
    clearTimeout(limit);
    child.kill();
    await child.status;
    await removeProfile(profile);
  }
}

/** Removes a browser's folder, into which those of its processes that end last may still write. */
async function removeProfile(folder: string): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch (error) {
      if (performance.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
