/** Programs of others, by which files are written and read; tests that need one which is not there are left out by name. */
function isThere(program: string, ...args: readonly string[]): boolean {
  try {
    return new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** ImageMagick. */
export const hasImageMagick: boolean = isThere("convert", "-version");

/** libjpeg's encoder. */
export const hasCjpeg: boolean = isThere("cjpeg", "-version");

/** SoX. */
export const hasSox: boolean = isThere("sox", "--version");

/** The Python that has PyTorch. */
const torchPython: string | undefined = ["python3", "/usr/bin/python3"]
  .find((python) => isThere(python, "-c", "import torch"));

/** Whether a Python has PyTorch. */
export const hasTorch: boolean = torchPython !== undefined;

/**
 * Runs a program.
 *
 * @returns What it printed.
 * @throws If it fails.
 */
export function runProgram(program: string, ...args: readonly string[]): Uint8Array {
  const { success, stdout, stderr } = new Deno.Command(program, { args: [...args] }).outputSync();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** Runs a Python script that imports torch; returns what it printed. */
export function runTorch(script: string, ...args: readonly string[]): string {
  return new TextDecoder().decode(runProgram(torchPython ?? "python3", "-c", script, ...args));
}
