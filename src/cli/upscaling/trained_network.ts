/**
 * The trained networks: those of ESRGAN's makers, slim, in a package that is fetched when they are asked for.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine/engine.ts";
import { MEMORY_SHARE } from "../../execution/places.ts";
import { FileError } from "../../io/files.ts";
import { readTfjs } from "../../io/models/tfjs/decode.ts";
import { beforeEnlarging } from "../../network/before_enlarging.ts";
import { type Network, networkOf } from "../../network/network.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** How many times larger there are networks for. */
export const SCALES = ["2", "3", "4", "8"] as const;

/** What their numbers for a channel go up to. */
export const WHITE = 255;

/**
 * The package that holds them. Nobody is to fetch its 4 MB who does not enlarge: what is imported by a variable is
 * fetched where that happens.
 */
const PACKAGE: string = "npm:@upscalerjs/esrgan-slim@1.0.0";

/** A network that enlarges pictures. */
export class Upscaler {
  readonly scale: number;
  readonly #network: Network;

  private constructor(scale: number, network: Network) {
    this.scale = scale;
    this.#network = network;
  }

  /**
   * Fetches the networks, if they have not been, and reads one.
   *
   * @throws {FileError} If they can be neither fetched nor read.
   */
  static async load(scale: number, engine: Engine): Promise<Upscaler> {
    const model = await readTfjs(join(await findModels(), `x${scale}`, "model.json"));
    return new Upscaler(scale, networkOf("Upscaler", beforeEnlarging(model), { engine }));
  }

  /** Enlarges planes of red, green and blue from 0 to {@linkcode WHITE}, `(1, 3, H, W)`. */
  async enlarge(colors: Tensor): Promise<Tensor> {
    const [output] = Object.values(await this.#network.forward(colors));
    if (output === undefined) throw new Error("The network has no output");
    return output;
  }

  /** The memory that threads have to share for pictures of a size to be enlarged in it. */
  bytesOf(height: number, width: number): number {
    const { bytes, steps } = this.#network.explain([1, 3, height, width]);
    const kernelBytes = Math.max(...steps.map(({ kernelBytes }) => kernelBytes));
    return Math.max(bytes / MEMORY_SHARE, (bytes + kernelBytes) / USABLE_SHARE);
  }
}

/** Blocks of the shared memory lie between others that are kept: not all of it can be had. */
const USABLE_SHARE = 0.9;

/**
 * The folder of the networks.
 *
 * @throws {FileError} If they cannot be fetched.
 */
export async function findModels(): Promise<string> {
  let reason: unknown = "it does not hold what it should";
  try {
    // Its modules do not run in Deno, but once they have been asked for it is known where they are.
    await import(PACKAGE);
  } catch (error) {
    reason = error;
  }
  const [, root] = /^(file:.*?\/esrgan-slim\/[^/]+\/)/.exec(import.meta.resolve(PACKAGE)) ?? [];
  const folder = root === undefined ? null : fileURLToPath(new URL("models", root));
  if (folder !== null && await isThere(folder)) return folder;
  throw new FileError(`Cannot fetch the networks, ${PACKAGE}: ${reason}`, { cause: reason });
}

async function isThere(folder: string): Promise<boolean> {
  return await Deno.stat(folder).then(() => true, () => false);
}
