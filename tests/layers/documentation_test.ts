import { assert, assertEquals } from "@std/assert";
import { CONV_NAMES, CONV_TRANSPOSE_NAMES } from "../../src/layers/options.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { CONV_TRANSPOSES, CONVS } from "./_layers.ts";

/** As much as is read of what `deno doc --json` writes. */
interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocumentedSymbol[] }>>;
}

interface DocumentedSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly jsDoc: { readonly doc: string };
    readonly def: { readonly methods?: readonly DocumentedMethod[] };
  }[];
}

interface DocumentedMethod {
  readonly name: string;
  readonly jsDoc?: { readonly doc: string };
}

async function documentation(): Promise<readonly DocumentedSymbol[]> {
  const args = ["doc", "--json", new URL("../../mod.ts", import.meta.url).href];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  const { nodes }: Documentation = JSON.parse(new TextDecoder().decode(stdout));
  return Object.values(nodes).flatMap(({ symbols }) => symbols);
}

const symbols = await documentation();

for (const rank of [1, 2, 3] as const) {
  for (
    const [Class, names] of [
      [CONVS[rank], CONV_NAMES],
      [CONV_TRANSPOSES[rank], CONV_TRANSPOSE_NAMES],
    ] as const
  ) {
    const declaration = symbols.find(({ name }) => name === Class.name)?.declarations[0];
    const doc = declaration?.jsDoc.doc ?? "";
    const rows = [...doc.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)];

    Deno.test(`The page of ${Class.name} has its passes`, () => {
      const methods = declaration?.def.methods ?? [];
      for (const name of ["forward", "forwardSync", "outputShape"]) {
        assert(methods.find((method) => method.name === name)?.jsDoc?.doc, name);
      }
    });

    Deno.test(`The page of ${Class.name} has its options, each with its default`, () => {
      assertEquals(rows.map(([, name]) => name).sort(), [...names.layer].sort());
      const defaults: Record<string, unknown> = {};
      for (const [, name = "", value = ""] of rows) {
        if (value.startsWith("`")) defaults[name] = JSON.parse(value.replaceAll("`", ""));
      }
      assertEquals(
        Object.keys(defaults).length,
        rows.length - ["activation", "seed", "engine"].length,
      );
      const common = { seed: 1, activation: "leakyRelu" } as const;
      const short = new Class(2, 2, 2, common);
      const long = new Class(2, 2, 2, { ...defaults, ...common });
      const input = Tensor.randn([2, ...new Array<number>(rank).fill(4)], { seed: 2 });
      assertEquals(String(long), String(short));
      assertEquals(long.algorithm, short.algorithm);
      assertEquals(long.forwardSync(input).data, short.forwardSync(input).data);
    });
  }
}
