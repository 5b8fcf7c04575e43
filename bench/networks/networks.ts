/**
 * The networks that are timed.
 *
 * @module
 */

import { join } from "node:path";
import { findModels } from "../../src/cli/upscaling/trained_network.ts";
import { readTfjs } from "../../src/io/models/tfjs/decode.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { mobileNetV2, resNet18, uNet } from "./models.ts";

/** A network, and what is wanted of it. */
export interface BenchNetwork {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly goals: NetworkGoals;
  readonly build: () => OnnxModel | Promise<OnnxModel>;
}

/** What is wanted of a network. */
export interface NetworkGoals {
  /** The time of native ONNX Runtime in proportion to that of our machine code, with as many threads. */
  readonly overNative: number;
  /** What machine code is to reach with two threads. */
  readonly twoThreads?: TwoThreadGoals;
}

/** What machine code is to reach with two threads. */
export interface TwoThreadGoals {
  readonly mostSeconds: number;
  /** Over one thread. */
  readonly speedup: number;
}

const CLASSES = 1000;

/** All of them. */
export const NETWORKS: readonly BenchNetwork[] = [
  {
    name: "ResNet-18 @224",
    inputShape: [1, 3, 224, 224],
    goals: { overNative: 1.2 },
    build: () => resNet18({ width: 64, classes: CLASSES }),
  },
  {
    name: "MobileNetV2 @224",
    inputShape: [1, 3, 224, 224],
    goals: { overNative: 1.2 },
    build: () => mobileNetV2({ width: 1280, classes: CLASSES }),
  },
  {
    name: "U-Net @128",
    inputShape: [1, 3, 128, 128],
    goals: { overNative: 1.3 },
    build: () => uNet({ width: 64, enlarging: "ConvTranspose" }),
  },
  {
    name: "ESRGAN-slim 2x @256",
    inputShape: [1, 3, 256, 256],
    goals: { overNative: 1.3, twoThreads: { mostSeconds: 92e-3, speedup: 1.7 } },
    build: async () => await readTfjs(join(await findModels(), "x2", "model.json")),
  },
];
