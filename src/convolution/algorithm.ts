/**
 * How the user wants a convolution computed.
 *
 * @module
 */

/**
 * How a convolution is computed.
 *
 * - `"direct"` is the formula itself, product by product.
 * - `"winograd"` takes Winograd's algorithm with a quarter to four fifths of the multiplications. One of the
 *   last two axes must have a kernel of more taps than its stride, up to 5 times as many, and stride or
 *   dilation 1; of transposed convolutions, dilation 1. For others it is an error.
 * - `"auto"` leaves the choice: Winograd's algorithm where it is quicker and its sums have at least 8
 *   terms: input channels of a group, once for each residue of the stride. Else the formula.
 *
 * Both compute in float32. With the formula the error of an output is at most `K * 2^-24` of the sum of its
 * absolute products, `K` being how many there are. Winograd's algorithm computes tiles of outputs from 3 to
 * 6 inputs along an axis; there it is at most
 *
 * `(K + 36) * 2^-24 * (sum over the input channels of (a * d + m) * w)`
 *
 * where, of a channel, `m` is the largest absolute input that the tile sees, `d` the largest difference
 * between two of them, and `w` the sum of the absolute weights. `a` is the product of a factor for each of
 * the last two axes: 4 for 3 or 4 inputs, 11.5 for 5, 18.3 for 6, and 1 for an axis that is not transformed.
 * Runtimes without relaxed SIMD round products before they are added: there it is `K + 1` and `K + 38`.
 * On normal random data the largest error is far below that: 3.6e-6 of the largest output with 8 to 1024
 * channels, that of the formula 4.8e-6 (on up to 64 channels 2e-6 and 1.8e-6).
 *
 * So what the inputs of a tile have in common is not amplified, and kernels whose weights cancel remove it.
 * Pictures of whole numbers under kernels of whole numbers come out exact to half a grey level, were the
 * output's range made 8 bits, wherever they do from the formula: with any offset if the weights cancel, else
 * on up to 64 channels with one of up to a hundred times the contrast. Ask for `"direct"`
 *
 * - where sums of whole numbers are to be exact, up to 2^24: Winograd's algorithm rounds them like others;
 * - where offsets of more than a thousand times the contrast are to cancel in spite of a stride, each of whose
 *   residues is summed up over all channels first, or beside zero padding, which is an input to a tile;
 * - for values so large that 8200 times the sum over the channels of `m * w`, or of either, is over 3.4e38;
 * - where infinities and NaN matter: they spoil, beyond the outputs that see them, up to four more in each
 *   direction (as far apart as a dilation or a transposed layer's stride has it), and an infinity may
 *   become NaN or change its sign.
 *
 * Gradients are computed likewise. For that of the weights, tiles of the output's gradient take the place of taps: this
 * needs a stride and a dilation of 1 along each of the last two axes that has more than one tap, up to 5. Where it
 * cannot be, or takes more memory than the engine has, the formula is taken even if `"winograd"` is asked for. Errors
 * are at most 1e-5 of the largest element, and 2e-5 where it is a sum of more than 10^5 terms, as long as the values
 * of a tile are of similar size: the largest ones leave their rounding errors in all that the tile has a part in.
 */
export type Algorithm = "auto" | "direct" | "winograd";

/** The valid values of {@linkcode Algorithm}. */
export const ALGORITHMS: readonly Algorithm[] = ["auto", "direct", "winograd"];
