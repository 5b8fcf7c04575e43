/**
 * How deep the properties are drawn: `deno task test:quick` draws less of the same, `deno task ok` more, and
 * `DEPTH=9 deno test -A <file>` nine times as much.
 *
 * @module
 */

let depth = Number(Deno.env.get("DEPTH") ?? 1);

/**
 * How many times a property is drawn.
 *
 * @param usual What `deno task test` draws.
 */
export function draws(usual: number): number {
  return Math.ceil(usual * depth);
}

/** How many times as much a deep run draws. */
export const DEEP = 1.5;

/**
 * How many times a property is drawn that only large numbers show: a deep run draws all of them, any other a few.
 *
 * @param usual What `deno task test` draws.
 * @param deep What `deno task test:deep` draws.
 */
export function drawsByDepth(usual: number, deep: number): number {
  return depth < DEEP ? usual : Math.ceil(deep * depth / DEEP);
}

/**
 * Some of a list whose whole takes long, spread over it.
 *
 * @param all The list.
 * @param usual How many `deno task test` takes.
 */
export function some<T>(all: readonly T[], usual: number): readonly T[] {
  const count = Math.min(draws(usual), all.length);
  return all.filter((_, i) =>
    Math.floor(i * count / all.length) !== Math.floor((i - 1) * count / all.length)
  );
}

/** Draws everything so many times as often; for a module that is loaded before the tests. */
export function setDepth(factor: number): void {
  depth = factor;
}
