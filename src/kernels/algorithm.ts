/**
 * How the user wants a convolution computed.
 *
 * @module
 */

/**
 * How a convolution is computed.
 *
 * - `"direct"` is the formula itself, product by product.
 * - `"winograd"` takes Winograd's algorithm with a quarter to two thirds of the multiplications. It is for
 *   kernels of 1 to 5 taps, not of 1 alone, on the last two axes, with stride 1 there, and for transposed
 *   convolutions whose kernels are of up to 5 times the stride; for others it is an error.
 * - `"auto"` leaves the choice: Winograd's algorithm where it is quicker and a group has at least 8 input
 *   channels, else the formula.
 *
 * Both compute in float32. On normal random data with 8 to 1024 channels the largest error of Winograd's
 * algorithm was 2.6e-6 of the largest output, that of the formula 4e-6 (on up to 64 channels 2e-6 and
 * 1.2e-6). An infinity or NaN in the input spoils, beyond the outputs that see it, up to four more in
 * each direction, and with Winograd's algorithm an infinity gives NaN. Ask for `"direct"` where that
 * matters, or where outputs are small differences of much larger products.
 */
export type Algorithm = "auto" | "direct" | "winograd";

/** The valid values of {@linkcode Algorithm}. */
export const ALGORITHMS: readonly Algorithm[] = ["auto", "direct", "winograd"];
