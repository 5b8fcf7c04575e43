/** Whether `python3` with NumPy is there; the tests that compare with it are ignored where it is not. */
export const hasNumpy: boolean = canRun("import numpy");

/**
 * Runs a Python script.
 *
 * @param script The program.
 * @param args What it finds in `sys.argv[1:]`.
 * @returns What it printed.
 */
export function runPython(script: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("python3", { args: ["-c", script, ...args] })
    .outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

function canRun(script: string): boolean {
  try {
    runPython(script);
    return true;
  } catch {
    return false;
  }
}
