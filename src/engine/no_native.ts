/**
 * Stands for `native.ts` in browsers, which never run machine code: its encoders are a tenth of what a page would
 * have to load. Bundlers are told so by the package for npm (see `.ci/packages/npm.ts`).
 *
 * @module
 */

/** There is no compiler of machine code. */
export const nativeCompiler: typeof import("./native.ts").nativeCompiler = () => ({
  missing: "another host than a browser",
});
