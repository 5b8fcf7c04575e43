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
 * @throws {RangeError} If it is no such file, or has an operator that is unknown, with its name and node.
 */
export function fromOnnx(bytes: Uint8Array, options: NetworkOptions = {}): Network {
  return networkOf("fromOnnx()", decodeOnnx(bytes), options);
}
