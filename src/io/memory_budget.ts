import { describeBytes } from "../base/checks.ts";
import { checkBound } from "./checks.ts";

/** How much may be made of a file. */
export interface UnpackOptions {
  /**
   * The most bytes that may be made of the file: what is unpacked and, of PyTorch's files, the tensors. A few
   * kilobytes can stand for gigabytes; what reads files of strangers needs a bound. `Infinity` is none.
   *
   * @default The larger of 1 GiB and eight times the file: no file of plain arrays takes more.
   */
  readonly mostBytes?: number;
}

/** More would be made of a file than may be. */
export class BudgetError extends SyntaxError {}

const USUAL_BYTES = 2 ** 30;
const USUAL_GROWTH = 8;

/** What is left of the bytes that may be made of a file. */
export class MemoryBudget {
  readonly #most: number;
  #left: number;

  /** @param most The bytes that may be made. */
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  /**
   * The budget of a file.
   *
   * @param where The caller's name.
   * @param options What the user said.
   * @throws {TypeError} If an option is unknown or no number.
   * @throws {RangeError} If it is not positive.
   */
  static of(where: string, options: UnpackOptions, fileBytes: number): MemoryBudget {
    const most = checkBound(where, options, "mostBytes");
    return new MemoryBudget(most ?? Math.max(USUAL_BYTES, USUAL_GROWTH * fileBytes));
  }

  /**
   * Takes some of it, before the bytes are made.
   *
   * @throws {BudgetError} If there is not so much left.
   */
  take(bytes: number): void {
    if (bytes > this.#left) {
      throw new BudgetError(
        `it unpacks to more than the ${describeBytes(this.#most)} that may be made of it ` +
          "(mostBytes says how many may)",
      );
    }
    this.#left -= bytes;
  }
}
