import { assertEquals, assertThrows } from "@std/assert";
import {
  eachLane,
  GPR,
  type Masking,
  type Memory,
  memoryAt,
  OP,
  type VectorInstruction,
  type Width,
  X64Assembler,
  XMM,
  YMM,
  ZMM,
} from "../../../src/codegen/x64/assembler.ts";

/** Whether there is a disassembler to compare with. */
const HAS_OBJDUMP = await findObjdump();

async function findObjdump(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("objdump", { args: ["--version"] }).output();
    return success;
  } catch {
    return false;
  }
}

/** An instruction and how a disassembler writes it. */
interface Case {
  readonly write: (code: X64Assembler) => void;
  readonly text: string;
}

const LOW = range(16);
const ALL = range(32);
const BASES = Object.values(GPR);
const MASKS = range(8).slice(1);

/** What a vector instruction looks like: which operands it has, and in which order they are written. */
type Form =
  /** Result, memory or register. */
  | "rm"
  /** Memory or register, source. */
  | "mr"
  /** Result, source, memory or register. */
  | "rvm"
  /** Opmask register, source, memory or register. */
  | "kvm"
  /** Result, source, memory or register, mask vector. */
  | "rvmr"
  /** Memory, mask vector, source. */
  | "mvr"
  /** Result and a place for each lane. */
  | "gather"
  | "scatter";

interface Shape {
  readonly name: string;
  readonly op: VectorInstruction;
  readonly form: Form;
  readonly widths: readonly Width[];
  readonly second: "memory" | "register" | "both";
  readonly immediate?: true;
  /** Bytes of the element that is broadcast. */
  readonly broadcast?: true;
  /** The operand in ModR/M.rm has half the width at most. */
  readonly narrow?: true;
}

const TWO: readonly Width[] = [XMM, YMM];
const THREE: readonly Width[] = [XMM, YMM, ZMM];

const ARITHMETIC = [
  "vaddps",
  "vsubps",
  "vmulps",
  "vdivps",
  "vpsllvd",
  "vmaxps",
  "vminps",
  "vorps",
  "vxorps",
  "vfmadd231ps",
  "vunpcklps",
  "vunpckhps",
] as const;

const SHAPES: readonly Shape[] = [
  ...ARITHMETIC.map((name): Shape => ({
    name,
    op: OP[name],
    form: "rvm",
    widths: THREE,
    second: "both",
    broadcast: true,
  })),
  { ...shape("vsqrtps", "rm", THREE, "both"), broadcast: true },
  shape("vmovups", "rm", THREE, "both"),
  shape("vmovupsStore", "mr", THREE, "memory"),
  shape("vmovaps", "rm", THREE, "both"),
  shape("vmovss", "rm", [XMM], "memory"),
  shape("vmovssStore", "mr", [XMM], "memory"),
  shape("vmovsd", "rm", [XMM], "memory"),
  shape("vmovsdStore", "mr", [XMM], "memory"),
  shape("vmaskmovps", "rvm", TWO, "memory"),
  shape("vmaskmovpsStore", "mvr", TWO, "memory"),
  { ...shape("vbroadcastss", "rm", THREE, "both"), narrow: true },
  { ...shape("vshufps", "rvm", THREE, "both"), immediate: true, broadcast: true },
  { ...shape("vpermps", "rvm", [YMM, ZMM], "both"), broadcast: true },
  { ...shape("vpermpd", "rm", [YMM], "both"), immediate: true },
  { ...shape("vpermt2ps", "rvm", THREE, "both"), broadcast: true },
  { ...shape("vpermi2ps", "rvm", THREE, "both"), broadcast: true },
  { ...shape("vshuff32x4", "rvm", [YMM, ZMM], "both"), immediate: true, broadcast: true },
  { ...shape("valignd", "rvm", THREE, "both"), immediate: true, broadcast: true },
  { ...shape("vperm2f128", "rvm", [YMM], "both"), immediate: true },
  { ...shape("vblendps", "rvm", TWO, "both"), immediate: true },
  { ...shape("vcmpps", "rvm", TWO, "both"), immediate: true },
  { ...shape("vcmppsMask", "kvm", THREE, "both"), immediate: true, broadcast: true },
  shape("vblendvps", "rvmr", TWO, "both"),
  { ...shape("vblendmps", "rvm", THREE, "both"), broadcast: true },
  { ...shape("vinsertps", "rvm", [XMM], "both"), immediate: true },
  { ...shape("vextractps", "mr", [XMM], "memory"), immediate: true },
  { ...shape("vinsertf128", "rvm", [YMM], "both"), immediate: true, narrow: true },
  { ...shape("vextractf128", "mr", [YMM], "both"), immediate: true, narrow: true },
  shape("vgatherdps", "gather", THREE, "memory"),
  shape("vscatterdps", "scatter", THREE, "memory"),
];

function shape(
  name: keyof typeof OP,
  form: Form,
  widths: readonly Width[],
  second: Shape["second"],
): Shape {
  return { name: name.replace(/Store|Mask/, ""), op: OP[name], form, widths, second };
}

/** One instruction of a shape. */
function vectorCase(
  { name, op, form, immediate, narrow }: Shape,
  width: Width,
  [reg, first]: readonly [number, number],
  second: number | Memory,
  masking?: Masking,
): Case {
  const maskVector = reg + 3 & 15;
  const number = form === "rvmr"
    ? maskVector << 4
    : immediate
    ? 0x5a & (name === "vinsertf128" ? 1 : 0xff)
    : undefined;
  const inMemory = typeof second !== "number";
  const place = inMemory
    ? memoryText(second, width) + (masking?.broadcast ? `{1to${width / 4}}` : "")
    : vectorText(second, narrow ? XMM : width);
  const mask = masking?.mask ? `{k${masking.mask}}` : "";
  const masked = mask + (masking?.zeroing ? "{z}" : "");
  const one = form === "kvm" ? `k${reg}` : vectorText(reg, width);
  const other = vectorText(first, width);
  const operands = {
    rm: `${one}${masked},${place}`,
    mr: `${place}${masked},${one}`,
    rvm: `${one}${masked},${other},${place}`,
    kvm: `${one}${mask},${other},${place}`,
    rvmr: `${one},${other},${place}`,
    mvr: `${place},${other},${one}`,
    gather: `${one}${mask},${place}`,
    scatter: `${place}${mask},${one}`,
  }[form];
  const last = form === "rvmr"
    ? vectorText(maskVector, width)
    : number === undefined
    ? ""
    : hex(number);
  return {
    write: (code) => code.vector(op, width, reg, first, second, number, masking),
    text: `${name} ${operands}${last === "" ? "" : `,${last}`}`,
  };
}

/** A shape with each of its operands in all the places that it can be. */
function casesOf(shape: Shape, width: Width): Case[] {
  const { op, form, second, broadcast } = shape;
  const registers = op.encodings === "vex" ? LOW : ALL;
  const hasFirst = ["rvm", "mvr", "kvm", "rvmr"].includes(form);
  const isIndexed = form === "gather" || form === "scatter";
  const masked: Masking | undefined = isIndexed ? { mask: 1 } : undefined;
  const at = (base: number, offset: number) => {
    const place = memoryAt(base, offset);
    return isIndexed ? eachLane(place, 9) : place;
  };
  const made = (
    reg: number,
    first: number,
    rm: number | Memory,
    masking: Masking | undefined = masked,
  ) =>
    vectorCase(shape, width, [form === "kvm" ? reg % 8 : reg, hasFirst ? first : 0], rm, masking);
  const rm = second === "register" ? 7 : at(GPR.rdx, 0x40);
  const cases = [
    ...registers.map((reg) => made(reg, 3, reg === 9 && isIndexed ? eachLane(at(2, 0), 8) : rm)),
    ...registers.map((first) => made(5, first, rm)),
  ];
  if (second !== "memory") {
    cases.push(...registers.map((rm) => made(5, 3, rm)), made(registers.length - 1, 15, 8));
  }
  if (second !== "register") {
    const unit = op.encodings === "vex" || width !== ZMM ? 1 : op.memoryBytes || width;
    const scaled = op.memoryBytes || width;
    for (const base of BASES) {
      for (const offset of [0, 1, -128, 127, 128, -129]) {
        cases.push(made(1, 2, at(base, offset * unit)));
        if (registers === ALL && !isIndexed) cases.push(made(17, 2, at(base, offset * scaled)));
      }
      cases.push(made(1, 2, at(base, 0x12345678)), made(1, 2, at(base, -0x80000000)));
      cases.push(made(1, 2, at(base, 127 * unit + 1)));
    }
  }
  if (isIndexed) {
    for (const index of ALL.filter((index) => index !== 1)) {
      cases.push(
        ...[GPR.rax, GPR.rbp, GPR.r12].map((base) =>
          made(1, 0, eachLane(memoryAt(base, 4), index))
        ),
      );
    }
  }
  if (op.encodings === "vex" || /vextract|vinsertps|vmovs/.test(shape.name)) return cases;
  for (const mask of MASKS) {
    cases.push(made(1, 2, rm, { mask }));
    if (form === "rm" || form === "rvm") cases.push(made(30, 2, rm, { mask, zeroing: true }));
  }
  if (!broadcast) return cases;
  for (const offset of [0, 4, -512, 508, 512, -516, 3]) {
    cases.push(made(1, 2, at(GPR.rdx, offset), { broadcast: true }));
    cases.push(
      made(17, 18, at(GPR.r12, offset), { broadcast: true, mask: 3, zeroing: form !== "kvm" }),
    );
  }
  return cases;
}

const NAMES_64 = Object.keys(GPR);
const NAMES_32 = NAMES_64.map((name) => /\d/.test(name) ? `${name}d` : name.replace("r", "e"));

function generalCases(): Case[] {
  const cases: Case[] = [];
  const add = (text: string, write: Case["write"]) => cases.push({ text, write });
  const numbers = [1, -1, 127, 128, -128, -129, 0x12345678, -0x80000000];
  for (const a of BASES) {
    const [wide, narrow] = [NAMES_64[a] ?? "", NAMES_32[a] ?? ""];
    add(`push ${wide}`, (code) => code.push(a));
    add(`pop ${wide}`, (code) => code.pop(a));
    add(`xor ${narrow},${narrow}`, (code) => code.xor32(a));
    add(`movabs ${wide},0xfedcba9812345678`, (code) => code.mov64(a, 0xfedcba9812345678n));
    add(`test ${narrow},0x8000000`, (code) => code.test32(a, 0x8000000));
    for (const mask of MASKS) add(`kmovw k${mask},${narrow}`, (code) => code.kmovw(mask, a));
    for (const number of numbers) {
      add(`mov ${narrow},${hex(number >>> 0)}`, (code) => code.mov32(a, number));
      add(`add ${wide},${hex64(number)}`, (code) => code.addImmediate(a, number));
      add(`sub ${wide},${hex64(number)}`, (code) => code.subImmediate(a, number));
      add(`sub ${narrow},${hex(number >>> 0)}`, (code) => code.subImmediate32(a, number));
    }
    for (const b of BASES) {
      const other = NAMES_64[b] ?? "";
      add(`mov ${wide},${other}`, (code) => code.mov(a, b));
      add(`add ${wide},${other}`, (code) => code.add(a, b));
      for (const offset of [0, 127, -128, 128, -129, 0x7fffffff]) {
        const place = memoryAt(b, offset);
        const text = memoryText(place, XMM);
        add(`mov ${narrow},${text}`, (code) => code.movLoad32(a, place));
        add(`mov ${wide},${text}`, (code) => code.movLoad(a, place));
        add(`mov ${text},${wide}`, (code) => code.movStore(place, a));
        add(`mov ${text},${narrow}`, (code) => code.movStore32(place, a));
        add(`lea ${wide},${text}`, (code) => code.lea(a, place));
        add(`prefetcht1 ${text}`, (code) => code.prefetch(place));
        add(`add ${text},${wide}`, (code) => code.add(place, a));
      }
    }
    for (const number of numbers) {
      const place = memoryAt(a, 0x18);
      const text = memoryText(place, XMM);
      add(`mov ${text},${hex(number >>> 0)}`, (code) => code.movStoreImmediate32(place, number));
      add(`add ${text},${hex64(number)}`, (code) => code.addImmediate(place, number));
      add(`sub ${text},${hex(number >>> 0)}`, (code) => code.subImmediate32(place, number));
    }
  }
  for (const a of MASKS) {
    for (const b of MASKS) {
      add(`kmovw k${a},k${b}`, (code) => code.kmovwMask(a, b));
      add(`kxnorw k${a},k${b},k${b}`, (code) => code.kxnorw(a, b, b));
    }
  }
  add("vzeroupper", (code) => code.vzeroupper());
  add("cpuid", (code) => code.cpuid());
  add("xgetbv", (code) => code.xgetbv());
  add("ret", (code) => code.ret());
  return cases;
}

Deno.test({
  name: "X64Assembler writes every instruction as a disassembler reads it",
  ignore: !HAS_OBJDUMP,
  async fn() {
    const cases = [
      ...SHAPES.flatMap((shape) => shape.widths.flatMap((width) => casesOf(shape, width))),
      ...generalCases(),
    ];
    const code = new X64Assembler();
    const starts = cases.map(({ write }) => {
      const start = code.length;
      write(code);
      return start;
    });
    const end = code.length;
    const read = await disassemble(code.finish().subarray(0, end));
    const wrong = cases.flatMap(({ text }, i) => {
      const is = read.get(starts[i] ?? 0);
      return is === text ? [] : [`${text} is read as ${is}`];
    });
    assertEquals(wrong.slice(0, 10), [], `${wrong.length} of ${cases.length} differ`);
    assertEquals(read.size, cases.length);
  },
});

Deno.test({
  name: "X64Assembler jumps back by any distance, and over what it is to skip",
  ignore: !HAS_OBJDUMP,
  async fn() {
    const code = new X64Assembler();
    const expected = new Map<number, string>();
    for (const distance of [0, 100, 126, 127, 1000]) {
      const start = code.length;
      for (let i = 0; i < distance; i++) code.push(GPR.rax);
      expected.set(code.length, `jne ${hex(start)}`);
      code.jnz(start);
    }
    for (const count of [1, 127]) {
      const at = code.length;
      code.unlessZero(() => {
        for (let i = 0; i < count; i++) code.push(GPR.rax);
      });
      expected.set(at, `je ${hex(code.length)}`);
    }
    const at = code.length;
    code.unlessBelow(() => code.ret());
    expected.set(at, `jb ${hex(code.length)}`);
    const end = code.length;
    const read = await disassemble(code.finish().subarray(0, end));
    for (const [at, text] of expected) assertEquals(read.get(at), text);
    assertThrows(
      () =>
        code.unlessZero(() => {
          for (let i = 0; i < 128; i++) code.push(GPR.rax);
        }),
      RangeError,
    );
  },
});

Deno.test({
  name: "X64Assembler finds its constants behind the code, each once",
  ignore: !HAS_OBJDUMP,
  async fn() {
    const code = new X64Assembler();
    const wide = range(16).map((i) => i * i - 7);
    const cases: { at: number; words: readonly number[] }[] = [];
    const use = (words: readonly number[], immediate?: number) => {
      const at = code.length;
      cases.push({ at, words });
      const op = immediate === undefined ? OP.vmovups : OP.vshufps;
      code.vector(op, ZMM, 9, 0, code.words(words), immediate);
    };
    use([5]);
    use(wide);
    use([5]);
    use(wide.toReversed(), 0x1b);
    use([-1, 2, 3, 4, 5, 6, 7, 8]);
    use(wide);
    const end = code.length;
    const bytes = code.finish();
    const read = await disassemble(bytes.subarray(0, end));
    const view = new DataView(bytes.buffer);
    const places = cases.map(({ at, words }) => {
      const place = Number(/# (0x[0-9a-f]+)/.exec(read.get(at) ?? "")?.[1]);
      const found = words.map((_, i) => view.getInt32(place + 4 * i, true));
      assertEquals(found, words);
      assertEquals(place % (4 * words.length), 0, "A constant straddles two lines");
      return place;
    });
    assertEquals(new Set(places).size, 4);
    assertEquals(bytes.length - (end + 63 & -64), 3 * 64 + 32);
  },
});

Deno.test({
  name: "X64Assembler aligns loops with instructions that do nothing",
  ignore: !HAS_OBJDUMP,
  async fn() {
    for (const before of range(32)) {
      const code = new X64Assembler();
      for (let i = 0; i < before; i++) code.ret();
      code.alignLoop(32);
      assertEquals(code.length % 32, 0);
      assertEquals(code.length - before < 32, true);
      const end = code.length;
      if (end === before || before % 5 !== 1) continue;
      const read = await disassemble(code.finish().subarray(0, end));
      const rest = [...read].filter(([at]) => at >= before);
      assertEquals(rest.filter(([, text]) => !/nop|^xchg ax,ax/.test(text)), []);
    }
  },
});

Deno.test("X64Assembler takes one byte for displacements that are multiples of an operand's bytes", () => {
  const length = (write: Case["write"]) => {
    const code = new X64Assembler();
    write(code);
    return code.length;
  };
  const load = (offset: number, broadcast = false) =>
    length((code) =>
      code.vector(
        OP.vaddps,
        ZMM,
        1,
        2,
        memoryAt(GPR.rax, offset),
        undefined,
        broadcast ? { broadcast } : undefined,
      )
    );
  assertEquals([0, 64, 127 * 64, -128 * 64].map((offset) => load(offset)), [6, 7, 7, 7]);
  assertEquals([4, 128 * 64, -129 * 64].map((offset) => load(offset)), [10, 10, 10]);
  assertEquals([4, 127 * 4, -128 * 4].map((offset) => load(offset, true)), [7, 7, 7]);
  assertEquals([128 * 4, 3].map((offset) => load(offset, true)), [10, 10]);
});

Deno.test("X64Assembler refuses what cannot be encoded", () => {
  const code = new X64Assembler();
  assertThrows(() => code.vector(OP.vblendps, ZMM, 1, 2, 3, 4), RangeError, "no EVEX encoding");
  assertThrows(() => code.vector(OP.vperm2f128, YMM, 16, 2, 3, 4), RangeError, "no EVEX encoding");
  assertThrows(
    () => code.vector(OP.vmovups, ZMM, 1, 0, memoryAt(GPR.rax, 2 ** 31)),
    RangeError,
    "Offset 2147483648",
  );
});

/** What a disassembler reads, by where it is. */
async function disassemble(bytes: Uint8Array): Promise<Map<number, string>> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, bytes);
    const { stdout } = await new Deno.Command("objdump", {
      args: ["-D", "-w", "-b", "binary", "-m", "i386:x86-64", "-M", "intel"]
        .concat("--no-show-raw-insn", file),
    }).output();
    const lines = new TextDecoder().decode(stdout).matchAll(/^\s*([0-9a-f]+):\s*(.*)$/gm);
    return new Map([...lines].map(([, at, text]) => [parseInt(at ?? "", 16), plain(text ?? "")]));
  } finally {
    await Deno.remove(file);
  }
}

/** Versions differ in the spaces, in the sizes of memory and in how they write a broadcast. */
function plain(text: string): string {
  const broadcast = /DWORD BCST/.test(text) ? widthOf(text) / 4 : 0;
  const short = text.replace(/\s+/g, " ").replace(/\w+ (PTR|BCST) /g, "").replace(/\+0x0\]/g, "]")
    .trim();
  return broadcast === 0 || /1to/.test(short) ? short : short.replace("]", `]{1to${broadcast}}`);
}

function widthOf(text: string): number {
  return /zmm/.test(text) ? ZMM : /ymm/.test(text) ? YMM : XMM;
}

function vectorText(register: number, width: Width): string {
  return `${{ [XMM]: "xmm", [YMM]: "ymm", [ZMM]: "zmm" }[width]}${register}`;
}

function memoryText({ base, offset, index }: Memory, width: Width): string {
  const lanes = index < 0 ? "" : `+${vectorText(index, width)}*1`;
  const sign = offset < 0 ? "-" : "+";
  return `[${NAMES_64[base]}${lanes}${offset === 0 ? "" : sign + hex(Math.abs(offset))}]`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** A number of 32 bits as one of 64. */
function hex64(value: number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
