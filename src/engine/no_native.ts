/**
 * Stands for `native.ts` in browsers, which never run machine code: its encoders are a tenth of what a page would
 * have to load. Bundlers are told so by the package for npm (see `.ci/packages/npm.ts`).
 *
 * @module
 */

type Native = typeof import("./native.ts");

/** There is no compiler of machine code. */
export const nativeCompiler: Native["nativeCompiler"] = () => ({
  missing: "another host than a browser",
});

/** A page cannot be allowed to call native functions. */
export const isNativeCodeAllowed: Native["isNativeCodeAllowed"] = () => false;

/** Threads are given this, and never call it. */
export const openNativeCode: Native["openNativeCode"] = () => {
  throw new Error("There is no native code on a page");
};
