import { createHash } from "node:crypto";

/** A package as JSR keeps it: its files by their paths, from `/` on. */
interface KeptPackage {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** What stands for the standard library: the parts of it that the package imports, out of the mirror on npm. */
const STANDARD_LIBRARY: readonly [string, KeptPackage][] = [
  ["@std/cli", {
    version: "1.0.0",
    exports: { "./parse-args": "./parse_args.js" },
    files: new Map([[
      "/parse_args.js",
      new TextEncoder().encode(`export * from "npm:deno-std@1.3.1/cli/parse_args.js";\n`),
    ]]),
  }],
];

/** A registry on loopback that speaks as JSR does, as far as `deno publish` and imports need it. */
export class JsrRegistry implements AsyncDisposable {
  readonly #packages = new Map(STANDARD_LIBRARY);
  readonly #settings: Record<string, unknown> = {};
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => this.#respond(request),
  );

  /** For the variable `JSR_URL`. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** The files that a package was published with. */
  filesOf(name: string): KeptPackage["files"] {
    return this.#packages.get(name)?.files ?? new Map();
  }

  /** What has been said of the package besides. */
  get settings(): Readonly<Record<string, unknown>> {
    return this.#settings;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #respond(request: Request): Promise<Response> {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const [, scope, name, version] =
      path.match(/^\/api\/scopes\/([^/]+)\/packages\/([^/]+)(?:\/versions\/([^/]+))?$/) ?? [];
    if (scope === undefined) return this.#serve(path);
    if (request.method === "PATCH") Object.assign(this.#settings, await request.json());
    if (version === undefined) return Response.json({ scope, name });
    if (request.method === "GET") {
      const body = { code: "packageVersionNotFound", message: "It is not there yet" };
      return Response.json(body, { status: 404 });
    }
    const files = await unpack(new Uint8Array(await request.arrayBuffer()));
    const { exports } = JSON.parse(new TextDecoder().decode(files.get("/deno.json")));
    this.#packages.set(`@${scope}/${name}`, { version, exports, files });
    return Response.json({ id: "1", status: "success", error: null });
  }

  #serve(path: string): Response {
    const [, name = "", rest = ""] = path.match(/^\/(@[^/]+\/[^/]+)\/(.+)$/) ?? [];
    const kept = this.#packages.get(name);
    if (kept === undefined) return new Response(null, { status: 404 });
    const { version, exports, files } = kept;
    if (rest === "meta.json") {
      const [scope, packageName] = name.slice(1).split("/");
      return Response.json({
        scope,
        name: packageName,
        latest: version,
        versions: { [version]: {} },
      });
    }
    if (rest === `${version}_meta.json`) {
      const manifest = Object.fromEntries([...files].map(([path, bytes]) => {
        const checksum = `sha256-${createHash("sha256").update(bytes).digest("hex")}`;
        return [path, { size: bytes.length, checksum }];
      }));
      return Response.json({ manifest, exports });
    }
    const file = files.get(rest.slice(version.length));
    return file === undefined
      ? new Response(null, { status: 404 })
      : new Response(file, { headers: { "content-type": contentType(rest) } });
  }
}

function contentType(path: string): string {
  if (path.endsWith(".ts")) return "text/typescript";
  if (path.endsWith(".js")) return "text/javascript";
  if (path.endsWith(".json")) return "application/json";
  return "application/octet-stream";
}

const TAR_BLOCK_BYTES = 512;

/** The files of a tarball as `deno publish` writes it: of files alone, with names of less than 100 bytes. */
async function unpack(tarball: Uint8Array<ArrayBuffer>): Promise<KeptPackage["files"]> {
  const stream = new Blob([tarball]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).bytes();
  const decoder = new TextDecoder();
  const field = (at: number, length: number) =>
    decoder.decode(bytes.subarray(at, at + length)).replace(/\0.*$/s, "");
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let at = 0; bytes[at] !== 0;) {
    const size = parseInt(field(at + 124, 12), 8);
    const content = at + TAR_BLOCK_BYTES;
    files.set(`/${field(at, 100)}`, bytes.slice(content, content + size));
    at = content + Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
  }
  return files;
}
