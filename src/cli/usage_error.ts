/** The command line is wrong: the process exits with 2 instead of 1. */
export class UsageError extends Error {
  /** The class name, as in a stack trace. */
  override readonly name: string = "UsageError";
}

/**
 * Runs what checks values that come from the command line alone, so that its errors are usage errors.
 *
 * @param check What may throw.
 * @returns What it returns.
 * @throws {UsageError} In place of a `TypeError` or `RangeError`.
 */
export function asUsage<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}
