import { failed } from "../io/files.ts";

/**
 * Goes to the folder that a task of this checkout was started from: `deno task` runs in the folder of the
 * configuration, and names the user's in `INIT_CWD`. Nothing is asked for: without the permissions to know
 * the folder, paths stay relative to the configuration's.
 */
export function enterUserFolder(): void {
  if (!isGranted({ name: "env", variable: INIT_CWD }) || !isGranted({ name: "read" })) return;
  const folder = Deno.env.get(INIT_CWD);
  // Tasks of other projects, and of other programs that set the variable, run elsewhere.
  if (!folder || !isHere(checkout)) return;
  try {
    Deno.chdir(folder);
  } catch (error) {
    throw failed(`go to the folder "${folder}" of ${INIT_CWD}`, error);
  }
}

const INIT_CWD = "INIT_CWD";

/** The folder of the configuration; undefined where the program does not come from a file. */
const checkout = import.meta.dirname === undefined ? undefined : `${import.meta.dirname}/../..`;

function isHere(folder: string | undefined): boolean {
  return folder !== undefined && Deno.realPathSync(folder) === Deno.realPathSync(".");
}

function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
