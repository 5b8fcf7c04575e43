/**
 * Files that have a path.
 *
 * @module
 */

import { nodeModule } from "./node.ts";

/** What is known of a file without opening it. */
export interface FileInfo {
  readonly isFile: boolean;
  readonly size: number;
  /** Who may do what with it; `null` where there is no such thing. */
  readonly mode: number | null;
}

/** A file that has been opened. */
export interface OpenFile {
  /** Reads some bytes; how many, 0 at the end. */
  read(bytes: Uint8Array): Promise<number>;
  /** Writes some bytes; how many. */
  write(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** The files of a host. Errors are its own. */
export interface Files {
  readonly isWindows: boolean;
  open(path: string): Promise<OpenFile>;
  /** Opens what is there for writing; it keeps its bytes until others are written over them. */
  openForWriting(path: string): Promise<OpenFile>;
  /** Makes a file that is not there, for writing. */
  create(path: string, mode: number): Promise<OpenFile>;
  readFile(path: string): Promise<Uint8Array>;
  stat(path: string): Promise<FileInfo>;
  /** Makes a folder, and those above it. */
  makeFolder(path: string): Promise<void>;
  /** Where a path leads to. */
  realPath(path: string): Promise<string>;
  /** Where a link points to. */
  readLink(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  remove(path: string): Promise<void>;
  removeSync(path: string): void;
  isNotFound(error: unknown): boolean;
  /** What an error says, without the system call and the path. */
  reasonOf(error: unknown): string;
}

/** The files that are here; `null` where none have a path, as in a browser. */
export function hostFiles(): Files | null {
  if ("Deno" in globalThis) return DENO_FILES;
  const fs = nodeModule("node:fs");
  return fs && nodeFiles(fs);
}

const REASONS = {
  notFound: "there is no such file or folder",
  isFolder: "it is a folder",
  exists: "a file is in its place",
  notFolder: "a part of its path is not a folder",
} as const;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Those of Deno. */
export const DENO_FILES: Files = {
  get isWindows() {
    return Deno.build.os === "windows";
  },
  open: async (path) => denoFile(await Deno.open(path)),
  openForWriting: async (path) => denoFile(await Deno.open(path, { write: true, create: false })),
  create: async (path, mode) =>
    denoFile(await Deno.open(path, { write: true, createNew: true, mode })),
  readFile: (path) => Deno.readFile(path),
  stat: (path) => Deno.stat(path),
  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),
  realPath: (path) => Deno.realPath(path),
  readLink: (path) => Deno.readLink(path),
  rename: (from, to) => Deno.rename(from, to),
  setMode: (path, mode) => Deno.chmod(path, mode),
  remove: (path) => Deno.remove(path),
  removeSync: (path) => Deno.removeSync(path),
  isNotFound: (error) => error instanceof Deno.errors.NotFound,
  reasonOf(error) {
    if (error instanceof Deno.errors.NotFound) return REASONS.notFound;
    if (error instanceof Deno.errors.IsADirectory) return REASONS.isFolder;
    if (error instanceof Deno.errors.AlreadyExists) return REASONS.exists;
    if (error instanceof Deno.errors.NotADirectory) return REASONS.notFolder;
    const message = messageOf(error);
    if (error instanceof Deno.errors.NotCapable) {
      // For devices it wants more than the permission to read or write.
      const [flag = "--allow-all"] = /--allow-[a-z]+/.exec(message) ?? [];
      return `Deno was not given the permission; run with ${flag}`;
    }
    return message.replace(/ \(os error \d+\).*$/s, "").toLowerCase();
  },
};

function denoFile(file: Deno.FsFile): OpenFile {
  return {
    read: async (bytes) => await file.read(bytes) ?? 0,
    write: (bytes) => file.write(bytes),
    close: () => Promise.resolve(file.close()),
  };
}

/** By the system's name of an error. */
const NODE_REASONS: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", REASONS.notFound],
  ["EISDIR", REASONS.isFolder],
  ["EEXIST", REASONS.exists],
  ["ENOTDIR", REASONS.notFolder],
]);

/** Those of Node.js, and of what imitates it. */
export function nodeFiles({ constants, promises, rmSync }: typeof import("node:fs")): Files {
  const codeOf = (error: unknown): unknown => error instanceof Error && Reflect.get(error, "code");
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const open = async (path: string, flags: string | number, mode?: number): Promise<OpenFile> => {
    const file = await promises.open(path, flags, mode);
    return {
      read: async (bytes) => (await file.read(bytes)).bytesRead,
      write: async (bytes) => (await file.write(bytes)).bytesWritten,
      close: () => file.close(),
    };
  };
  return {
    isWindows: Reflect.get(globalThis, "process").platform === "win32",
    open: (path) => open(path, "r"),
    openForWriting: (path) => open(path, O_WRONLY),
    create: (path, mode) => open(path, O_WRONLY | O_CREAT | O_EXCL, mode),
    readFile: async (path) => plainView(await promises.readFile(path)),
    async stat(path) {
      const info = await promises.stat(path);
      return { isFile: info.isFile(), size: info.size, mode: info.mode };
    },
    async makeFolder(path) {
      await promises.mkdir(path, { recursive: true });
    },
    realPath: (path) => promises.realpath(path),
    readLink: (path) => promises.readlink(path),
    rename: (from, to) => promises.rename(from, to),
    setMode: (path, mode) => promises.chmod(path, mode),
    remove: (path) => promises.rm(path),
    removeSync: (path) => rmSync(path),
    isNotFound: (error) => codeOf(error) === "ENOENT",
    reasonOf(error) {
      const code = codeOf(error);
      // `EACCES: permission denied, open 'a.png'`
      return NODE_REASONS.get(code) ??
        messageOf(error).replace(/^E[A-Z0-9]+: /, "").replace(/, \w+( '.*)?$/s, "").toLowerCase();
    },
  };
}

/** No Buffer, some of whose methods do something else than those of other bytes. */
function plainView({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
