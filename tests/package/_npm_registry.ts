import { createHash } from "node:crypto";

/** What a registry must know of a package. */
interface Manifest {
  readonly name: string;
  readonly version: string;
}

/**
 * A registry for npm on loopback, which has one package.
 *
 * @param tarball The package as it is published.
 * @param manifest What its `package.json` says.
 */
export function serveToNpm(
  tarball: Uint8Array<ArrayBuffer>,
  manifest: Manifest,
): Deno.HttpServer<Deno.NetAddr> {
  const { name, version } = manifest;
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const { origin, pathname } = new URL(url);
    if (pathname === "/package.tgz") return new Response(tarball);
    if (decodeURIComponent(pathname) !== `/${name}`) return new Response(null, { status: 404 });
    const dist = { tarball: `${origin}/package.tgz`, integrity };
    return Response.json({
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist } },
    });
  });
}
