import type { Player } from "../turns.ts";
import type { TimedCall, TimingRequest } from "./timed.ts";

/** A runtime in a process of its own, which times itself. It waits for a line from us while others are timed. */
export class TimedProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<string>;

  /**
   * Starts it.
   *
   * @param program Its path.
   * @param args Its flags, and the module that {@linkcode mainModule} makes.
   */
  constructor(program: string, args: readonly string[]) {
    this.#process = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      env: { NODE_NO_WARNINGS: "1" },
    }).spawn();
    this.#requests = this.#process.stdin.getWriter();
    this.#answers = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Something to be timed there. */
  player(call: TimedCall): Player {
    return {
      warmUp: () => this.#ask({ ...call, turn: null }),
      turn: (leadIn, seconds) => this.#ask({ ...call, turn: { leadIn, seconds } }),
    };
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    // It may have ended by itself; both are then errors that tell nothing new.
    await this.#requests.close().catch(() => {});
    await this.#answers.cancel().catch(() => {});
    await this.#process.status;
  }

  async #ask(request: TimingRequest): Promise<number> {
    await this.#requests.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    let answer = "";
    while (!answer.endsWith("\n")) {
      const { value } = await this.#answers.read();
      if (value === undefined) throw new Error("The process ended without an answer");
      answer += value;
    }
    return Number(answer);
  }
}

/** The text of a module that answers requests of its process's standard input, in all runtimes. */
export function mainModule(bundled: string): string {
  return `import { createInterface } from "node:readline";
import { answerRequests } from ${JSON.stringify(bundled)};
await answerRequests(createInterface({ input: process.stdin }), (line) => console.log(line));
`;
}
