/** A folder for a test's files. It is removed at the end of a `using` block. */
export class TestFolder implements Disposable {
  /** The folder's path. */
  readonly path: string = Deno.makeTempDirSync({ prefix: "tileconv-" });

  /** The path of a file in the folder. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** The names of what is in the folder, sorted. */
  names(): readonly string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  /** Removes the folder and all that is in it. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
