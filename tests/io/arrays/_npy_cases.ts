/**
 * `.npy` files of every kind that a reader has to know: the legal ones with their values, the others with what has to be
 * said of them.
 *
 * @module
 */

import { headerOf, integerBytes, makeNpy } from "./_npy.ts";

/** A file that has to be read. */
export interface LegalNpy {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A file that must not be read. */
export interface WrongNpy {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly message: string;
}

/** One number of each type, the lowest byte first. */
const TYPES: Readonly<
  Record<string, readonly [names: readonly string[], value: number, bytes: readonly number[]]>
> = {
  f2: [["float16", "half", "e", ">e"], -1.5, [0x00, 0xbe]],
  f4: [["float32", "single", "f", "<f"], 0.15625, [0, 0, 0x20, 0x3e]],
  f8: [["float64", "double", "float", "d", ">d"], -2, [0, 0, 0, 0, 0, 0, 0, 0xc0]],
  b1: [["bool", "?", "|?"], 1, [1]],
  i1: [["int8", "byte", "b"], -128, [0x80]],
  i2: [["int16", "short", "h", ">h"], -2, [0xfe, 0xff]],
  i4: [["int32", "intc", "i"], -65536, [0, 0, 0xff, 0xff]],
  i8: [["int64", "longlong", "q", "<q"], -4294967296, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]],
  u1: [["uint8", "ubyte", "B"], 255, [255]],
  u2: [["uint16", "ushort", "H"], 65534, [0xfe, 0xff]],
  u4: [["uint32", "uintc", "I", ">I"], 4294901760, [0, 0, 0xff, 0xff]],
  u8: [["uint64", "ulonglong", "Q"], 2 ** 63, [0, 0, 0, 0, 0, 0, 0, 0x80]],
};

/** Every type in every spelling. */
function everyType(): readonly LegalNpy[] {
  return Object.entries(TYPES).flatMap(([code, [names, value, bytes]]) =>
    [code, `<${code}`, `=${code}`, `|${code}`, `>${code}`, ...names].map((descr) => ({
      name: `an array of ${descr}`,
      bytes: makeNpy(headerOf(`'${descr}'`, "(1,)"), descr[0] === ">" ? bytes.toReversed() : bytes),
      shape: [1],
      values: [value],
    }))
  );
}

/** Integers that float32 cannot hold, and the nearest that it can; the even one of two that are as near. */
const ROUNDED: readonly (readonly [text: string, value: bigint, expected: number])[] = [
  ["2^60 + 2^36 + 1", 2n ** 60n + 2n ** 36n + 1n, 2 ** 60 + 2 ** 37],
  ["2^60 + 2^36", 2n ** 60n + 2n ** 36n, 2 ** 60],
  ["2^60 + 2^36 - 1", 2n ** 60n + 2n ** 36n - 1n, 2 ** 60],
  ["2^60 + 3 * 2^36", 2n ** 60n + 3n * 2n ** 36n, 2 ** 60 + 2 ** 38],
  ["2^60 + 3 * 2^36 - 1", 2n ** 60n + 3n * 2n ** 36n - 1n, 2 ** 60 + 2 ** 37],
  ["2^54 + 2^30 + 1", 2n ** 54n + 2n ** 30n + 1n, 2 ** 54 + 2 ** 31],
  ["2^53 + 2^29 + 1", 2n ** 53n + 2n ** 29n + 1n, 2 ** 53 + 2 ** 30],
  ["2^24 + 1", 2n ** 24n + 1n, 2 ** 24],
  ["2^63 - 1", 2n ** 63n - 1n, 2 ** 63],
];

function wideIntegers(): readonly LegalNpy[] {
  const one = (descr: string, text: string, value: bigint, expected: number) => {
    const bytes = integerBytes(value, 8);
    return {
      name: `${text} as ${descr}`,
      bytes: makeNpy(headerOf(`'${descr}'`, "(1,)"), descr[0] === ">" ? bytes.toReversed() : bytes),
      shape: [1],
      values: [expected],
    };
  };
  return [
    ...ROUNDED.flatMap(([text, value, expected]) => [
      ...["<i8", ">i8", "<u8", ">u8"].map((descr) => one(descr, text, value, expected)),
      ...["<i8", ">i8"].map((descr) => one(descr, `-(${text})`, -value, -expected)),
    ]),
    one("<i8", "-2^63", -(2n ** 63n), -(2 ** 63)),
    one("<u8", "2^64 - 1", 2n ** 64n - 1n, 2 ** 64),
    one("<u8", "2^63 + 2^39 + 1", 2n ** 63n + 2n ** 39n + 1n, 2 ** 63 + 2 ** 40),
  ];
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, value) => value);
}

function shapes(): readonly LegalNpy[] {
  const file = (
    name: string,
    shape: string,
    fortran: string,
    sizes: readonly number[],
    values: readonly number[],
  ) => ({
    name,
    // The file counts upwards.
    bytes: makeNpy(headerOf("'|u1'", shape, fortran), range(values.length)),
    shape: sizes,
    values,
  });
  return [
    file("a number", "()", "False", [], [0]),
    file("a number in Fortran order", "()", "True", [], [0]),
    file("nothing", "(0,)", "False", [0], []),
    file("nothing in Fortran order", "(3, 0, 2)", "True", [3, 0, 2], []),
    file(
      "nothing of a large size",
      "(0, 9007199254740991)",
      "False",
      [0, Number.MAX_SAFE_INTEGER],
      [],
    ),
    file("64 axes", `(${"1, ".repeat(64)})`, "False", new Array(64).fill(1), [0]),
    file("a signal in Fortran order", "(4,)", "True", [4], range(4)),
    file("a matrix in Fortran order", "(2, 3)", "True", [2, 3], [0, 2, 4, 1, 3, 5]),
    file(
      "three axes in Fortran order",
      "(2, 3, 4)",
      "True",
      [2, 3, 4],
      range(24).map((place) =>
        Math.floor(place / 12) + 2 * (Math.floor(place / 4) % 3) + 6 * (place % 4)
      ),
    ),
    file("single rows in Fortran order", "(1, 3, 1, 2)", "True", [1, 3, 1, 2], [0, 3, 1, 4, 2, 5]),
  ];
}

function spellings(): readonly LegalNpy[] {
  const headers: Readonly<Record<string, string>> = {
    "a header without spaces": `{'descr':'<i2','fortran_order':False,'shape':(2,)}`,
    "keys in another order": `{'shape': (2,), 'fortran_order': False, 'descr': '<i2'}`,
    "double quotes": `{"descr": "<i2", "fortran_order": False, "shape": (2,)}`,
    "long integers of Python 2": `{'descr': '<i2', 'fortran_order': False, 'shape': (2L,), }`,
    "Unicode strings of Python 2": `{u'descr': u'<i2', u'fortran_order': False, u'shape': (2,)}`,
    "lines and tabs":
      `{\n\t'shape' :\t( 2 , ) ,\n\t'fortran_order':False,\r\n\t'descr':'<i2',\n}   \n`,
    "a list as shape": `{'descr': '<i2', 'fortran_order': False, 'shape': [2]}`,
    "spaces in front": `  {'descr': '<i2', 'fortran_order': False, 'shape': (2,)}`,
  };
  const data = [1, 0, 255, 255];
  const padded = headerOf("'<i2'", "(2,)").padEnd(65535);
  return [
    ...Object.entries(headers).map(([name, header]) => ({ name, bytes: makeNpy(header, data) })),
    ...[1, 2, 3].map((version) => ({
      name: `version ${version}`,
      bytes: makeNpy(headerOf("'<i2'", "(2,)"), data, [version, 0]),
    })),
    { name: "the longest header of version 1", bytes: makeNpy(padded, data) },
  ].map((file) => ({ ...file, shape: [2], values: [1, -1] }));
}

/** Numbers that are more than numbers. */
function specials(): readonly LegalNpy[] {
  const halves = [0x00, 0x7c, 0x00, 0xfc, 0x00, 0x80, 0x01, 0x00, 0xff, 0x7b];
  const tie = [0x01, 0, 0, 0x10, 0, 0, 0xf0, 0x3f];
  return [
    {
      name: "infinities, a negative zero and the least and largest float16",
      bytes: makeNpy(headerOf("'<f2'", "(5,)"), halves),
      shape: [5],
      values: [Infinity, -Infinity, -0, 2 ** -24, 65504],
    },
    {
      name: "a float64 just above a tie of float32",
      bytes: makeNpy(headerOf("'<f8'", "(1,)"), tie),
      shape: [1],
      values: [1 + 2 ** -23],
    },
    {
      name: "a float64 beyond float32",
      bytes: makeNpy(headerOf("'>f8'", "(1,)"), [0x7f, 0xef, 255, 255, 255, 255, 255, 255]),
      shape: [1],
      values: [Infinity],
    },
    {
      name: "any byte but 0 as True",
      bytes: makeNpy(headerOf("'|b1'", "(3,)"), [0, 7, 255]),
      shape: [3],
      values: [0, 1, 1],
    },
  ];
}

/** All files that have to be read. */
export const LEGAL: readonly LegalNpy[] = [
  ...everyType(),
  ...wideIntegers(),
  ...shapes(),
  ...spellings(),
  ...specials(),
];

const EXPECTED = "expected float16 to float64, int8 to int64, uint8 to uint64 or bool";

function wrongTypes(): readonly WrongNpy[] {
  const kinds: Readonly<Record<string, readonly string[]>> = {
    "it holds Python objects": ["|O", "O", "|O8", "object"],
    "it holds complex numbers": ["<c8", ">c16", "complex64"],
    "it holds dates": ["<M8[ns]", "<M8", "datetime64[D]"],
    "it holds spans of time": ["<m8[s]", "timedelta64"],
    "it holds texts": ["<U3", "|S10", "|a5", "str"],
    "it holds raw bytes": ["|V16", "void"],
    "it holds floating-point numbers of more than 64 bits": ["<f16", "<f12", "longdouble"],
  };
  const unknown = [
    "",
    "<",
    "float33",
    "f3",
    "<i3",
    "i16",
    "!f4",
    "<<f4",
    "<float32",
    "int",
    "f4 ",
    "F4",
    "constructor",
    "<float128x",
  ];
  const records = [
    "[('a', '<f4'), ('b', '<i4', (2,))]",
    "('<f4', (2,))",
    "{'names': ['a'], 'formats': ['<f4']}",
  ];
  return [
    ...Object.entries(kinds).flatMap(([what, descrs]) =>
      descrs.map((descr) => ({ descr, message: `${what} (dtype "${descr}"); ${EXPECTED}` }))
    ),
    ...unknown.map((descr) => ({ descr, message: `its dtype "${descr}" is unknown; ${EXPECTED}` })),
  ].map(({ descr, message }) => ({
    name: `dtype "${descr}"`,
    bytes: makeNpy(headerOf(`'${descr}'`, "(1,)"), new Array(16).fill(0)),
    message,
  })).concat(records.map((descr) => ({
    name: `the structured dtype ${descr}`,
    bytes: makeNpy(headerOf(descr, "(1,)"), new Array(12).fill(0)),
    message: "it holds records (a structured dtype); expected an array of plain numbers",
  })));
}

function wrongHeaders(): readonly WrongNpy[] {
  const f4 = (shape: string, fortran?: string) =>
    makeNpy(headerOf("'<f4'", shape, fortran), [0, 0, 0, 0]);
  const full = "'descr': '<f4', 'fortran_order': False, 'shape': ()";
  const noTuple = "its shape is not a tuple of sizes";
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["an order of 1", f4("()", "1"), "its fortran_order is neither True nor False"],
    ["an order of Truest", f4("()", "Truest"), "its fortran_order is neither True nor False"],
    ["a shape of one number", f4("1"), noTuple],
    ["a shape of one number in parentheses", f4("(1)"), noTuple],
    ["a negative size", f4("(-1,)"), noTuple],
    ["a size of 1.0", f4("(1.0,)"), noTuple],
    ["a size of True", f4("(True,)"), noTuple],
    ["a size of 01", f4("(01,)"), noTuple],
    ["a shape in a shape", f4("((1,),)"), noTuple],
    ["a shape that does not end as it begins", f4("(1,]"), noTuple],
    ["a size between two commas", f4("(1,,1)"), noTuple],
    ["a shape without commas", f4("(1 1)"), noTuple],
    ["a call as shape", f4("tuple([1])"), noTuple],
    ["a size of 400 digits", f4(`(${"9".repeat(400)},)`), "its shape has a size of more than 2^53"],
    ["65 axes", f4(`(${"1,".repeat(65)})`), "its shape has 65 axes; expected at most 64"],
    ["descr None", makeNpy(headerOf("None", "()")), "its descr is not the name of a type"],
    [
      "a name over two lines",
      makeNpy(headerOf("'<f\n4'", "()")),
      "its descr is not the name of a type",
    ],
    [
      "a name with a control character",
      makeNpy(headerOf("'<f4\x85'", "()")),
      "its descr is not the name of a type",
    ],
    ["no dict", makeNpy("[1, 2]"), "it is not a Python dict (character 0"],
    ["no text", makeNpy(""), "it is not a Python dict (character 0, where the end stands)"],
    ["an empty dict", makeNpy("{}"), "it has no key; expected descr, fortran_order and shape"],
    [
      "one key",
      makeNpy("{'descr': '<f4'}"),
      "it has only descr; expected descr, fortran_order and shape",
    ],
    ["a fourth key", makeNpy(`{${full}, 'more': 1}`), 'it has the key "more"; expected descr'],
    ["a key twice", makeNpy("{'shape': (), 'shape': ()}"), 'it has the key "shape" twice'],
    ["a key without quotes", makeNpy("{descr: '<f4'}"), "a key or the end is missing (character 1"],
    ["no comma", makeNpy("{'shape': () 'descr': '<f4'}"), "a comma or the end is missing"],
    ["two commas", makeNpy(`{${full},,}`), "a key or the end is missing"],
    [
      "no end",
      makeNpy(`{${full},`),
      "a key or the end is missing (character 53, where the end stands)",
    ],
    ["a text behind the dict", makeNpy(`{${full}} + 1`), "a key or the end is missing"],
    ["deep nesting", makeNpy(headerOf("[".repeat(50_000), "()")), "it holds records"],
    ["50,000 opening brackets", makeNpy("(".repeat(50_000)), "it is not a Python dict"],
    ["50,000 spaces", makeNpy(`{'shape': (${" ".repeat(50_000)}`), noTuple],
    ["50,000 digits", makeNpy(`{'shape': (${"1".repeat(50_000)}`), noTuple],
    ["50,000 sizes without end", makeNpy(`{'shape': (${"1,".repeat(25_000)}`), noTuple],
    ["control characters", makeNpy("{'shape': \x1b[2J\u2028\x85"), 'where "?[2J'],
  ];
  return cases.map(([name, bytes, message]) => ({ name, bytes, message }));
}

function wrongFiles(): readonly WrongNpy[] {
  const whole = makeNpy(headerOf("'<f4'", "(2, 3)"), new Array(24).fill(0));
  const version = (major: number, minor: number) =>
    makeNpy(headerOf("'<f4'", "()"), [0, 0, 0, 0], [major, minor]);
  const large = (shape: string) => makeNpy(headerOf("'<f8'", shape), [0]);
  const early = "it ends early, inside its header";
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing", new Uint8Array(), "it is empty; expected a .npy file"],
    ["a text", new TextEncoder().encode("1, 2, 3\n"), "it is not a .npy file; NumPy writes one"],
    ["a cut magic number", whole.slice(0, 4), early],
    ["a cut version", whole.slice(0, 7), early],
    ["a cut header length", whole.slice(0, 9), early],
    ["a cut header", whole.slice(0, 40), early],
    ["version 0", version(0, 0), "it has .npy version 0.0; expected 1.0, 2.0 or 3.0"],
    ["version 4", version(4, 0), "it has .npy version 4.0"],
    ["version 1.1", version(1, 1), "it has .npy version 1.1"],
    [
      "cut data",
      whole.slice(0, -1),
      "it ends early: an array of shape [2, 3] takes 24 bytes, but 23 follow",
    ],
    [
      "more data",
      Uint8Array.of(...whole, 0),
      "it goes on after the array of shape [2, 3], bytes too many: 1",
    ],
    [
      "2^50 elements of 8 bytes",
      large("(1125899906842624,)"),
      "takes more than 2^53 bytes, but 1 follow",
    ],
    [
      "10^18 elements",
      large("(1000000000, 1000000000)"),
      "takes more than 2^53 bytes, but 1 follow",
    ],
    ["2^53 - 1 elements twice", large("(9007199254740991, 2)"), "takes more than 2^53 bytes"],
    [
      "a header of 4 GiB",
      Uint8Array.of(...magic, 2, 0, 255, 255, 255, 255),
      "its header of 4294967295 bytes is too long to be that of a plain array",
    ],
    ["a header longer than the file", Uint8Array.of(...magic, 3, 0, 255, 0, 0, 0, 0x7b), early],
  ];
  return cases.map(([name, bytes, message]) => ({ name, bytes, message }));
}

/** All files that must not be read. */
export const WRONG: readonly WrongNpy[] = [...wrongFiles(), ...wrongTypes(), ...wrongHeaders()];
