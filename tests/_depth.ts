/**
 * How deep the properties are drawn: `deno task test:quick` draws less of the same, `deno task ok` more.
 *
 * @module
 */

let depth = 1;

/**
 * How many times a property is drawn.
 *
 * @param usual What `deno task test` draws.
 */
export function draws(usual: number): number {
  return Math.ceil(usual * depth);
}

/** Draws everything so many times as often; for a module that is loaded before the tests. */
export function setDepth(factor: number): void {
  depth = factor;
}
