/**
 * Colours as Graphite's addresses write them (a name, `RRGGBB` or `RRGGBBAA`, with `#` or `%23` in front or without), and
 * the templates that graphite-web comes with.
 */

/** A colour. `red`, `green` and `blue` are 0 to 255, `alpha` 0 to 1. */
export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly alpha: number;
}

const named: ReadonlyMap<string, readonly [number, number, number]> = new Map([
  ["black", [0, 0, 0]],
  ["white", [255, 255, 255]],
  ["blue", [100, 100, 255]],
  ["green", [0, 200, 0]],
  ["red", [200, 0, 50]],
  ["yellow", [255, 255, 0]],
  ["orange", [255, 165, 0]],
  ["purple", [200, 100, 255]],
  ["brown", [150, 100, 50]],
  ["cyan", [0, 255, 255]],
  ["aqua", [0, 150, 150]],
  ["gray", [175, 175, 175]],
  ["grey", [175, 175, 175]],
  ["magenta", [255, 0, 255]],
  ["pink", [255, 100, 100]],
  ["gold", [200, 200, 0]],
  ["rose", [200, 150, 200]],
  ["darkblue", [0, 0, 255]],
  ["darkgreen", [0, 255, 0]],
  ["darkred", [255, 0, 0]],
  ["darkgray", [111, 111, 111]],
  ["darkgrey", [111, 111, 111]],
]);

/** The colour a text says. @throws RangeError when it says none. */
export function parseColour(text: string): Colour {
  const [red, green, blue] = named.get(text) ?? [];
  if (red !== undefined && green !== undefined && blue !== undefined) return { red, green, blue, alpha: 1 };
  const digits = /^(?:#|%23)?([\da-f]{6})([\da-f]{2})?$/i.exec(text);
  if (digits === null)
    throw new RangeError(
      `Cannot read colour "${text.slice(0, 50)}": wanted a name such as red, or RRGGBB in hexadecimal`,
    );
  const value = Number.parseInt(digits[1] ?? "", 16);
  const alpha = digits[2] === undefined ? 1 : Number.parseInt(digits[2], 16) / 255;
  return { red: value >> 16, green: (value >> 8) & 255, blue: value & 255, alpha };
}

/** The same colour, seen through. */
export function withAlpha(colour: Colour, alpha: number): Colour {
  return { ...colour, alpha: Math.min(1, Math.max(0, alpha)) };
}

/** What a template says. */
export interface Template {
  readonly background: string;
  readonly foreground: string;
  readonly majorLine: string;
  readonly minorLine: string;
  readonly lines: readonly string[];
}

const plain: Template = {
  background: "white",
  foreground: "black",
  majorLine: "rose",
  minorLine: "grey",
  lines: "blue,green,red,purple,brown,yellow,aqua,grey,magenta,pink,gold,rose".split(","),
};
const solarized = "268bd2aa,859900aa,dc322faa,d33682aa,db4b16aa,b58900aa,2aa198aa,6c71c4aa".split(",");
const dark = { background: "black", foreground: "white", majorLine: "white", minorLine: "grey" };
/** Eight shades, from light to dark and back. */
const shades = (name: string, colours: string): [string, Template][] => [
  [`${name}1`, { ...plain, lines: colours.split(",") }],
  [`${name}2`, { ...plain, lines: colours.split(",").reverse() }],
];

const templates: ReadonlyMap<string, Template> = new Map<string, Template>([
  ["default", plain],
  [
    "solarized-light",
    { background: "fdf6e3", foreground: "657b83", majorLine: "073642", minorLine: "586e75", lines: solarized },
  ],
  [
    "solarized-dark",
    { background: "002b36", foreground: "839496", majorLine: "fdf6e3", minorLine: "eee8d5", lines: solarized },
  ],
  ["classic", { ...plain, ...dark }],
  ["noc", { ...dark, lines: "blue,green,red,yellow,purple,brown,aqua,grey,magenta,pink,gold,rose".split(",") }],
  // The original leaves its text black on black.
  ["summary", { ...plain, ...dark, lines: ["6666ff", "66ff66", "ff6666"] }],
  ["alphas", { ...plain, majorLine: "grey", minorLine: "rose", lines: ["00ff00aa", "ff000077", "00337799"] }],
  [
    "grafana",
    {
      ...plain,
      lines: "7eb26d,eab839,6ed0e0,ef843c,e24d42,1f78c1,ba43a9,705da0,508642,cca300,447ebc".split(","),
    },
  ],
  ...shades("ocean", "f7fcf0,e0f3db,ccebc5,a8ddb5,7bccc4,4eb3d3,2b8cbe,0868ac,084081"),
  ...shades("forest", "f7fcf5,e5f5e0,c7e9c0,a1d99b,74c476,41ab5d,238b45,005a32"),
  ...shades("sunset", "fff5eb,fee6ce,fdd0a2,fdae6b,fd8d3c,f16913,d94801,8c2d04"),
  ...shades("moonlight", "fcfbfd,efedf5,dadaeb,bcbddc,9e9ac8,807dba,6a51a3,4a1486"),
  ...shades("lava", "fff5f0,fee0d2,fcbba1,fc9272,fb6a4a,ef3b2c,cb181d,99000d"),
]);

/** A template by its name; the default one for a name that is not known. */
export function templateOf(name: string): Template {
  return templates.get(name) ?? plain;
}
