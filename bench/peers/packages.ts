import config from "../../deno.json" with { type: "json" };

/** A package that took part. */
export interface Package {
  readonly name: string;
  readonly version: string;
}

/** A package with the version that is imported; what none is called by is of this one. */
export function packageOf(name: string): Package {
  const targets = Object.values(config.scopes["./bench/"]);
  const version = targets
    .map((target) => target.match(/^npm:(.+)@([\d.]+)/))
    .find((match) => match?.[1] === name)?.[2];
  return { name, version: version ?? config.version };
}
