/**
 * How the user wants a convolution computed.
 *
 * @module
 */

/** How a convolution is computed: `"auto"` leaves the choice, `"direct"` is the formula itself. */
export type Algorithm = "auto" | "direct" | "winograd";

/** The valid values of {@linkcode Algorithm}. */
export const ALGORITHMS: readonly Algorithm[] = ["auto", "direct", "winograd"];
