import { FileError } from "../io/files.ts";
import { onInterrupt } from "./interrupt.ts";
import {
  checkPath,
  checkStandardInput,
  copyStandardInput,
  makeFileForInput,
  STANDARD_STREAM,
} from "./standard_streams.ts";

/** A file that the user named, or standard input. */
export class InputFile implements Disposable {
  /** How the user knows it. */
  readonly name: string;
  /** The same in a sentence. */
  readonly quoted: string;
  /** Where it is read. */
  readonly path: string;
  readonly #copy: Disposable | null;

  private constructor(name: string, quoted: string, path: string, copy: Disposable | null) {
    this.name = name;
    this.quoted = quoted;
    this.path = path;
    this.#copy = copy;
  }

  /**
   * Finds out where a file is read.
   *
   * @param path As the user wrote it; `-` is standard input.
   * @throws {UsageError} If there is none, or it is standard input and a terminal.
   * @throws {FileError} If standard input cannot be read.
   */
  static async open(path: string): Promise<InputFile> {
    checkPath(path);
    if (path !== STANDARD_STREAM) return new InputFile(path, `"${path}"`, path, null);
    checkStandardInput();
    const copy = temporaryFile();
    try {
      await copyStandardInput(copy.path);
    } catch (error) {
      copy[Symbol.dispose]();
      throw error;
    }
    return new InputFile("standard input", "standard input", copy.path, copy);
  }

  /**
   * Does a part of reading the file.
   *
   * @param step What may throw.
   * @throws {FileError} What the step throws, the file called as the user does.
   */
  async read<Result>(step: (path: string) => Promise<Result>): Promise<Result> {
    try {
      return await step(this.path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      const message = error.message.replace(`"${this.path}"`, () => this.quoted);
      throw new FileError(message, { cause: error });
    }
  }

  /** Removes what was put aside of standard input. */
  [Symbol.dispose](): void {
    this.#copy?.[Symbol.dispose]();
  }
}

/** A file that is there until it is disposed of or the process is interrupted. */
function temporaryFile(): Disposable & { readonly path: string } {
  let path = "";
  const remove = () => removeIfThere(path);
  // First the net, then the file: between the two the process could end.
  using cleanup = new DisposableStack();
  cleanup.use(onInterrupt(remove));
  cleanup.defer(remove);
  path = makeFileForInput();
  const kept = cleanup.move();
  return { path, [Symbol.dispose]: () => kept.dispose() };
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Whoever has removed it did what was to be done.
  }
}
