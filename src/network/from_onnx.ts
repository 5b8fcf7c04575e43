/**
 * Networks from ONNX files.
 *
 * @module
 */

import { decodeOnnx } from "../io/models/onnx/decode.ts";
import { type Network, networkOf, type NetworkOptions } from "./network.ts";

/**
 * Makes a network of an ONNX file. Convolutions of one to three axes, products with constant matrices, and the
 * operators that networks of them have in between, of versions 7 and newer; shapes that are computed from those of the
 * inputs are followed.
 *
 * Source: https://onnx.ai/onnx/operators/.
 *
 * @param bytes The file.
 * @param options Who computes.
 * @throws {TypeError} If they are no bytes, or an option is unknown.
 * @throws {SyntaxError} If they are no ONNX file.
 * @throws {RangeError} If it has an operator that is unknown, with its name and node, asks for too much memory, or its
 * inputs or outputs are no floating-point numbers.
 */
export function fromOnnx(bytes: Uint8Array, options: NetworkOptions = {}): Network {
  return networkOf("fromOnnx()", decodeOnnx(bytes), options);
}
