/** What the figures depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly platform: string;
  readonly deno: string;
  readonly v8: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    processor: processorName(),
    cores: navigator.hardwareConcurrency,
    platform: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
  };
}

/** The name that Linux gives the processor; its numbers where it has no telling name. */
function processorName(): string {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/cpuinfo");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "unknown";
    throw error;
  }
  const field = (name: string) => text.match(new RegExp(`^${name}\\s*:\\s*(.+)$`, "m"))?.[1];
  const name = field("model name") ?? "unknown";
  const [family, model, stepping] = ["cpu family", "model", "stepping"].map(field);
  if (family === undefined) return name;
  return `${name} (family ${family}, model ${model}, stepping ${stepping})`;
}
