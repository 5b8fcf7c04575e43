import { fileURLToPath } from "node:url";
import { type StepValues, type TrainingProblem, VALUES } from "../training/problem.ts";
import { type Player, WARM_UP_SECONDS } from "../turns.ts";

/** Where Debian's package puts PyTorch. */
export const DEBIAN_PYTHON = "/usr/bin/python3";

/** PyTorch cannot be had; the message says what to do. */
export class PyTorchMissing extends Error {
  override readonly name: string = "PyTorchMissing";
}

/** What PyTorch can be asked to do again and again. */
export type PyTorchTask = "forward" | "step";

type Answer = Readonly<Record<string, unknown>>;

/**
 * PyTorch in a process of its own, which times itself. It waits for a line from us while others are timed.
 *
 * Its OpenMP threads sleep at once when they have nothing to do (`OMP_WAIT_POLICY=passive`, where the
 * environment does not say something else). By default they spin for up to 8 ms after a step. While another
 * process wanted a core, a 3x3 layer's step on two threads took, as medians of five runs, 16 to 104 ms spinning
 * and 6 to 10 sleeping; but the quickest single steps were 3.2 ms and 5.0, so on an idle machine spinning may
 * be faster: `OMP_WAIT_POLICY=active` tells.
 */
export class PyTorch implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<string>;
  #version = "";

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#requests = process.stdin.getWriter();
    this.#answers = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /**
   * Starts it.
   *
   * @param python The interpreter that has PyTorch.
   * @throws {PyTorchMissing} If it has not.
   */
  static async start(python: string): Promise<PyTorch> {
    try {
      await using stack = new AsyncDisposableStack();
      const pytorch = stack.use(new PyTorch(spawn(python)));
      const { version } = await pytorch.#receive();
      pytorch.#version = String(version);
      stack.move();
      return pytorch;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PyTorchMissing(
        `${python} has no PyTorch (${reason}). Debian has it in the package python3-torch: ` +
          "apt-get install --no-install-recommends python3-torch; --python names another interpreter",
        { cause: error },
      );
    }
  }

  /** PyTorch's. */
  get version(): string {
    return this.#version;
  }

  /**
   * Builds a layer in place of the one before.
   *
   * @returns What one step of it computes.
   */
  async load(problem: TrainingProblem): Promise<StepValues> {
    const answer = await this.#ask({ what: "load", threads: 1, ...layerOf(problem) });
    const [output, input, weight, bias] = VALUES.map((name) => decode(answer[name]));
    if (!output || !input || !weight || !bias) throw new Error("PyTorch left out some values");
    return { output, input, weight, bias };
  }

  /** The layer that was loaded last, as something to be timed. */
  player(what: PyTorchTask, threads: number): Player {
    const turn = async (leadIn: number, seconds: number) => {
      const answer = await this.#ask({ what, threads, leadIn, seconds });
      return Number(answer.seconds);
    };
    return { warmUp: () => turn(WARM_UP_SECONDS, 0), turn };
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    // It may have ended by itself; both are then errors that tell nothing new.
    await this.#requests.close().catch(() => {});
    await this.#answers.cancel().catch(() => {});
    await this.#process.status;
  }

  async #ask(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    await this.#requests.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    return await this.#receive();
  }

  async #receive(): Promise<Answer> {
    const parts: string[] = [];
    while (!parts.at(-1)?.endsWith("\n")) {
      const { value } = await this.#answers.read();
      if (value === undefined) throw new Error("the process ended without an answer");
      parts.push(value);
    }
    const answer: Answer = JSON.parse(parts.join(""));
    if (answer.error !== undefined) throw new Error(String(answer.error));
    return answer;
  }
}

function spawn(python: string): Deno.ChildProcess {
  const script = fileURLToPath(new URL("./pytorch.py", import.meta.url));
  return new Deno.Command(python, {
    args: [script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    env: { OMP_WAIT_POLICY: Deno.env.get("OMP_WAIT_POLICY") ?? "passive" },
  }).spawn();
}

/** A layer as the script wants it: 1-D ones are images of one row, which is what PyTorch is fast at. */
export function layerOf(problem: TrainingProblem): Readonly<Record<string, unknown>> {
  const { geometry: g, weight, bias, input, gradient } = problem;
  const plane = ([, height, width]: readonly [number, number, number]) => [height, width];
  if (g.padBegin.some((size, axis) => size !== g.padEnd[axis])) {
    throw new Error("PyTorch pads both ends of an axis alike");
  }
  return {
    inChannels: g.inChannels,
    outChannels: g.outChannels,
    kernel: plane(g.kernel),
    stride: plane(g.stride),
    padding: plane(g.padBegin),
    dilation: plane(g.dilation),
    groups: g.groups,
    inputShape: [g.batch, g.inChannels, ...plane(g.input)],
    outputShape: [g.batch, g.outChannels, ...plane(g.output)],
    input: encode(input),
    weight: encode(weight),
    bias: encode(bias),
    gradient: encode(gradient),
  };
}

function encode({ buffer, byteOffset, byteLength }: Float32Array): string {
  return new Uint8Array(buffer, byteOffset, byteLength).toBase64();
}

function decode(text: unknown): Float32Array {
  return new Float32Array(Uint8Array.fromBase64(String(text)).buffer);
}
