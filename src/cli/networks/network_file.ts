/**
 * Networks as commands take them.
 *
 * @module
 */

import { describeBytes } from "../../base/checks.ts";
import type { Engine } from "../../engine/engine.ts";
import { decodeNamed, peekFile } from "../../io/files.ts";
import { fromOnnx } from "../../network/from_onnx.ts";
import type { Network, NetworkValue } from "../../network/network.ts";
import { InputFile } from "../input_file.ts";
import { checkMemory, type MemoryLimit } from "../memory.ts";
import { UsageError } from "../usage_error.ts";

/** A file, its weights as they are read, and those with what is behind the convolutions. */
const BYTES_A_BYTE = 3;

/** A network, and what it takes of the memory. */
export interface OpenedNetwork {
  readonly name: string;
  readonly network: Network;
  readonly bytes: number;
}

/**
 * Opens a network.
 *
 * @param path As the user wrote it; `-` is standard input.
 * @param files Receives what is to be disposed of at the end.
 * @throws {UsageError} If there is no path.
 * @throws {FileError} If it cannot be read, or is no network that can be computed.
 * @throws {Error} If it would take too much memory.
 */
export async function openNetwork(
  path: string | undefined,
  engine: Engine,
  limit: MemoryLimit,
  files: DisposableStack,
): Promise<OpenedNetwork> {
  if (path === undefined) throw new UsageError("Name the ONNX file");
  const file = files.use(await InputFile.open(path));
  return await file.read(async (path) => {
    const { size, whole } = await peekFile(path, 0);
    const bytes = size * BYTES_A_BYTE;
    checkMemory(limit, `Reading ${file.quoted} of ${describeBytes(size)}`, bytes);
    const content = await whole();
    const network = decodeNamed(path, () => computable(() => fromOnnx(content, { engine })));
    return { name: file.name, network, bytes };
  });
}

/** What an operator cannot do is what is wrong with the file. */
function computable<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SyntaxError(error.message, { cause: error });
  }
}

/** A name and what is said of it. */
interface Named {
  readonly name: string;
  readonly text: string;
}

/**
 * What is said for the inputs of a network: `name=text` for each, or a text for the only one.
 *
 * @param flag The option that says it.
 * @throws {UsageError} If one is missing, said twice or unknown.
 */
export function forInputs(
  inputs: readonly NetworkValue[],
  texts: readonly string[],
  flag: string,
): readonly Named[] {
  const names = inputs.map(({ name }) => name);
  const [only, ...others] = names;
  const said = texts.map((text): Named => {
    const begin = names.find((name) => text.startsWith(`${name}=`));
    if (begin !== undefined) return { name: begin, text: text.slice(begin.length + 1) };
    if (only !== undefined && others.length === 0) return { name: only, text };
    throw new UsageError(
      `Option "--${flag}" must be <input>=<${flag}> with an input of ${names.join(", ")}, but is ` +
        `"${text}"`,
    );
  });
  return names.map((name) => {
    const [first, ...more] = said.filter((each) => each.name === name);
    if (first === undefined) throw new UsageError(`Option "--${flag}" is missing for ${name}`);
    if (more.length > 0) throw new UsageError(`Option "--${flag}" is there twice for ${name}`);
    return first;
  });
}
