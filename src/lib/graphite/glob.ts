/**
 * Graphite's patterns of paths: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}`, each within one node between dots, `\` before a character
 * that means itself.
 *
 * A pattern matches a path with exactly as many nodes. A node is matched in time proportional to its length times the
 * pattern's, whatever the pattern: no regular expression is made from it. Braces are written out first, so their number is
 * bounded. An unclosed `[` or `{` is an ordinary character. Source: the finders of graphite-web 1.1 and Python's fnmatch.
 */

type Step =
  | { readonly kind: "char"; readonly code: number }
  | { readonly kind: "any" }
  | { readonly kind: "star" }
  | {
      readonly kind: "set";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

const maxVariants = 1000;
const maxPatternLength = 4096;

/** Writes braces out: `a{b,c}` as `ab` and `ac`; braces may stand in braces. */
function variantsOf(pattern: string): string[] {
  let found = [pattern];
  for (;;) {
    let changed = false;
    const next: string[] = [];
    for (const text of found) {
      const inner = innerBraces(text);
      if (inner === undefined) {
        next.push(text);
        continue;
      }
      changed = true;
      const [open, close] = inner;
      for (const part of text.slice(open + 1, close).split(","))
        next.push(text.slice(0, open) + part + text.slice(close + 1));
      if (next.length > maxVariants) {
        throw new RangeError(
          `Cannot read pattern "${pattern.slice(0, 100)}": its braces make more than ${maxVariants} names`,
        );
      }
    }
    found = [...new Set(next)];
    if (!changed) return found;
  }
}

/** Where the first pair of braces without others inside stands. */
function innerBraces(text: string): readonly [number, number] | undefined {
  let open = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") at++;
    else if (char === "{") open = at;
    else if (char === "}" && open >= 0) return [open, at];
  }
  return undefined;
}

function setAt(text: string, from: number): { step: Step; end: number } | undefined {
  let at = from + 1;
  const negated = text[at] === "!";
  if (negated) at++;
  // A bracket that comes first is a member.
  const close = text.indexOf("]", at + 1);
  if (close < 0) return undefined;
  const ranges: (readonly [number, number])[] = [];
  while (at < close) {
    const low = text.charCodeAt(at);
    if (text[at + 1] === "-" && at + 2 < close) {
      ranges.push([low, text.charCodeAt(at + 2)]);
      at += 3;
    } else {
      ranges.push([low, low]);
      at++;
    }
  }
  return { step: { kind: "set", negated, ranges }, end: close + 1 };
}

function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "*") {
      if (steps.at(-1)?.kind !== "star") steps.push({ kind: "star" });
    } else if (char === "?") steps.push({ kind: "any" });
    else if (char === "[") {
      const set = setAt(text, at);
      if (set === undefined) steps.push({ kind: "char", code: text.charCodeAt(at) });
      else {
        steps.push(set.step);
        at = set.end - 1;
      }
    } else {
      if (char === "\\" && at + 1 < text.length) at++;
      steps.push({ kind: "char", code: text.charCodeAt(at) });
    }
  }
  return steps;
}

function accepts(step: Step, code: number): boolean {
  if (step.kind === "char") return step.code === code;
  if (step.kind === "set") return step.ranges.some(([low, high]) => low <= code && code <= high) !== step.negated;
  return true;
}

function matchSteps(steps: readonly Step[], text: string): boolean {
  let step = 0;
  let at = 0;
  let starStep = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = steps[step];
    if (current?.kind === "star") {
      starStep = ++step;
      starAt = at;
    } else if (current !== undefined && accepts(current, text.charCodeAt(at))) {
      step++;
      at++;
    } else if (starStep >= 0) {
      // Only the last star needs to give more: what lies before it is settled.
      step = starStep;
      at = ++starAt;
    } else return false;
  }
  while (steps[step]?.kind === "star") step++;
  return step === steps.length;
}

/** A pattern of one node. */
export class NodeGlob {
  /** The names it stands for when it has no wildcard but braces; undefined otherwise. */
  readonly literals: readonly string[] | undefined;
  readonly #variants: readonly (readonly Step[])[];

  /** @throws RangeError when its braces make more than 1,000 names. */
  constructor(pattern: string) {
    this.#variants = variantsOf(pattern).map(stepsOf);
    const literals: string[] = [];
    for (const steps of this.#variants) {
      const codes = steps.flatMap((step) => (step.kind === "char" ? [step.code] : []));
      if (codes.length === steps.length) literals.push(codes.map((code) => String.fromCharCode(code)).join(""));
    }
    this.literals = literals.length === this.#variants.length ? literals : undefined;
  }

  /** Whether it matches a whole node. */
  matches(node: string): boolean {
    if (this.literals !== undefined) return this.literals.includes(node);
    return this.#variants.some((steps) => matchSteps(steps, node));
  }
}

/** Cuts at the dots that stand outside brackets, braces and escapes. */
function nodesOf(pattern: string): string[] {
  const nodes: string[] = [];
  let from = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === "\\") at++;
    else if (char === ".") {
      nodes.push(pattern.slice(from, at));
      from = at + 1;
    }
  }
  nodes.push(pattern.slice(from));
  return nodes;
}

/** A pattern of whole paths. */
export class Glob {
  readonly text: string;
  readonly nodes: readonly NodeGlob[];

  /** @throws RangeError for a pattern of more than 4096 characters, or whose braces make too many names. */
  constructor(pattern: string) {
    if (pattern.length > maxPatternLength) {
      throw new RangeError(`Cannot read pattern: more than ${maxPatternLength} characters`);
    }
    this.text = pattern;
    this.nodes = nodesOf(pattern).map((node) => new NodeGlob(node));
  }

  /** The one path it can match, when it holds no wildcard. */
  get literal(): string | undefined {
    const parts = this.nodes.map((node) => (node.literals?.length === 1 ? node.literals[0] : undefined));
    return parts.every((part) => part !== undefined) ? parts.join(".") : undefined;
  }

  /** Whether it matches a whole path. */
  matches(path: string): boolean {
    const nodes = path.split(".");
    return nodes.length === this.nodes.length && this.nodes.every((node, index) => node.matches(nodes[index] ?? ""));
  }
}

/** Whether a text has any wildcard or brace. */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}
