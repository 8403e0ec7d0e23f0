/**
 * The language of targets: paths, calls, pipes and templates, read into a tree.
 *
 * `sumSeries(a.*.b, "x", 1.5, true, none, inf, name=value)`, `a.b | scale(2) | alias("c")`, `template(hosts.$1.cpu, "w1")`.
 * A pipe is the call with the expression before it as its first argument. What follows a whole target is ignored, as
 * Graphite does; a call that is not closed is an error here, while Graphite takes its name for a path. Length, depth and number
 * of parts are bounded. In a path `\` makes the next character mean itself.
 */

/** A path with wildcards. `text` is what names say, `pattern` what a store looks for (see glob.ts). */
export interface PathExpression {
  readonly kind: "path";
  readonly text: string;
  readonly pattern: string;
}

/** A call of a function. `raw` is its own text. */
export interface CallExpression {
  readonly kind: "call";
  readonly name: string;
  readonly positional: readonly Argument[];
  readonly named: ReadonlyMap<string, Argument>;
  readonly raw: string;
}

/** `template(body, …)`: `$1` and `$name` in the body's paths are replaced. */
export interface TemplateExpression {
  readonly kind: "template";
  readonly body: Expression;
  readonly replacements: ReadonlyMap<string, Literal>;
}

/** What a target is. */
export type Expression = PathExpression | CallExpression | TemplateExpression;

/** A value that stands in a target. Python tells whole numbers from others, and so do names made of them. */
export type Literal =
  | { readonly kind: "number"; readonly value: number; readonly isInteger: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "none" };

/** What may stand between the brackets of a call. */
export type Argument = Expression | Literal;

/** Bounds of a target. */
export interface TargetLimits {
  /** @default 65536 */
  readonly maxLength?: number;
  /** Brackets in brackets. @default 64 */
  readonly maxDepth?: number;
  /** Arguments and calls together. @default 10000 */
  readonly maxParts?: number;
}

const wordStart = /[A-Za-z_]/;
const wordPart = /[A-Za-z0-9_]/;
/** What ends a path: blanks and these. */
const pathEnds = new Set(["(", ")", "{", "}", ",", ".", "'", '"', "\\", "|"]);

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #maxParts: number;
  #at = 0;
  #depth = 0;
  #parts = 0;

  constructor(text: string, limits: TargetLimits) {
    const maxLength = limits.maxLength ?? 65_536;
    if (text.length > maxLength) throw new RangeError(`Cannot parse target: more than ${maxLength} characters`);
    this.#text = text;
    this.#maxDepth = limits.maxDepth ?? 64;
    this.#maxParts = limits.maxParts ?? 10_000;
  }

  #fail(reason: string): never {
    const shown = this.#text.length > 200 ? `${this.#text.slice(0, 200)}…` : this.#text;
    throw new SyntaxError(`Cannot parse target "${shown}": ${reason} at character ${this.#at + 1}`);
  }

  #blank(): void {
    while (/\s/.test(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #eat(char: string): boolean {
    this.#blank();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #count(): void {
    if (++this.#parts > this.#maxParts) throw new RangeError(`Cannot parse target: more than ${this.#maxParts} parts`);
  }

  /** A word before `next`, which is eaten as well; undefined and nothing eaten otherwise. */
  #wordBefore(next: string): string | undefined {
    const start = this.#at;
    this.#blank();
    const from = this.#at;
    if (wordStart.test(this.#text[this.#at] ?? "")) {
      while (wordPart.test(this.#text[this.#at] ?? "")) this.#at++;
      const word = this.#text.slice(from, this.#at);
      if (this.#eat(next)) return word;
    }
    this.#at = start;
    return undefined;
  }

  expression(): Expression {
    this.#blank();
    const from = this.#at;
    let found: Expression = this.#single();
    let end = this.#at;
    while (this.#eat("|")) {
      const name = this.#wordBefore("(");
      if (name === undefined) this.#fail("expected a function after |");
      const piped = this.#call(name, from);
      if (piped.kind !== "call") this.#fail("template cannot follow |");
      found = { ...piped, positional: [found, ...piped.positional] };
      end = this.#at;
    }
    this.#at = end;
    return found;
  }

  #single(): Expression {
    this.#count();
    this.#blank();
    const from = this.#at;
    const name = this.#wordBefore("(");
    return name === undefined ? this.#path() : this.#call(name, from);
  }

  #call(name: string, from: number): Expression {
    if (++this.#depth > this.#maxDepth)
      throw new RangeError(`Cannot parse target: nested deeper than ${this.#maxDepth}`);
    this.#count();
    const positional: Argument[] = [];
    const named = new Map<string, Argument>();
    if (!this.#eat(")")) {
      do {
        const argumentName = this.#wordBefore("=");
        if (argumentName !== undefined) named.set(argumentName, this.#argument());
        else if (named.size > 0) this.#fail("expected name=value");
        else positional.push(this.#argument());
      } while (this.#eat(","));
      if (!this.#eat(")")) this.#fail("expected , or )");
    }
    this.#depth--;
    if (name === "template") return this.#template(positional, named);
    return { kind: "call", name, positional, named, raw: this.#text.slice(from, this.#at) };
  }

  #template(positional: readonly Argument[], named: ReadonlyMap<string, Argument>): TemplateExpression {
    const [body, ...rest] = positional;
    const replacements = new Map<string, Literal>();
    const set = (name: string, value: Argument) => {
      if (value.kind !== "string" && value.kind !== "number") this.#fail("template takes only texts and numbers");
      replacements.set(name, value);
    };
    rest.forEach((value, index) => set(`${index + 1}`, value));
    for (const [name, value] of named) set(name, value);
    if (body === undefined || (body.kind !== "path" && body.kind !== "call"))
      this.#fail("template needs a path or call first");
    return { kind: "template", body, replacements };
  }

  #argument(): Argument {
    this.#count();
    this.#blank();
    const rest = this.#text.slice(this.#at, this.#at + 400);
    const literal = /^(true|false|none|inf|-?\d+(?:\.\d+)?(?:e-?\d+)?)(?=\s*(?:[,)]|$))/i.exec(rest);
    if (literal !== null) {
      this.#at += literal[0].length;
      return literalOf(literal[0].toLowerCase());
    }
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return { kind: "string", value: this.#string(quote) };
    return this.expression();
  }

  #string(quote: string): string {
    const from = ++this.#at;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n" || char === "\r") this.#fail("a text without end");
      if (char === quote) break;
      this.#at += char === "\\" ? 2 : 1;
    }
    return this.#text.slice(from, this.#at++);
  }

  #path(): PathExpression {
    this.#blank();
    let text = "";
    let pattern = "";
    for (;;) {
      const element = this.#element();
      if (element === undefined) {
        if (text === "") this.#fail("expected a path or a function");
        // A dot that nothing follows belongs to what is ignored.
        this.#at--;
        return { kind: "path", text: text.slice(0, -1), pattern: pattern.slice(0, -1) };
      }
      text += element.text;
      pattern += element.pattern;
      if (this.#text[this.#at] !== ".") return { kind: "path", text, pattern };
      this.#at++;
      text += ".";
      pattern += ".";
    }
  }

  /** One node of a path: plain characters, escapes and braces. */
  #element(): { text: string; pattern: string } | undefined {
    let text = "";
    let pattern = "";
    for (;;) {
      const char = this.#text[this.#at];
      const next = this.#text[this.#at + 1];
      if (char === "\\" && next !== undefined && !/\s/.test(next)) {
        text += next;
        pattern += char + next;
        this.#at += 2;
      } else if (char === "{") {
        const braces = /^\{(?:[^\s(){},.'"\\|]|\\.|,|\{[^\s(){}.'"|]*\})*\}/.exec(
          this.#text.slice(this.#at, this.#at + 8192),
        );
        if (braces === null) break;
        text += braces[0].replace(/\\(.)/g, "$1");
        pattern += braces[0];
        this.#at += braces[0].length;
      } else if (char !== undefined && !/\s/.test(char) && !pathEnds.has(char)) {
        text += char;
        pattern += char;
        this.#at++;
      } else break;
    }
    return text === "" ? undefined : { text, pattern };
  }
}

function literalOf(text: string): Literal {
  if (text === "true" || text === "false") return { kind: "boolean", value: text === "true" };
  if (text === "none") return { kind: "none" };
  if (text === "inf") return { kind: "number", value: Infinity, isInteger: false };
  return { kind: "number", value: Number(text), isInteger: /^-?\d+$/.test(text) };
}

/**
 * Reads a target.
 * @throws SyntaxError with the place of the first mistake; RangeError past a bound.
 */
export function parseTarget(text: string, limits: TargetLimits = {}): Expression {
  return new Reader(text, limits).expression();
}

/** The first path in a name that may be made of calls, as names of series are; undefined when there is none. */
export function firstPathOf(name: string): string | undefined {
  let expression: Argument;
  try {
    expression = parseTarget(name);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      const word = /^[^\s(){},'"\\|]+/.exec(name.trim());
      return word?.[0];
    }
    throw error;
  }
  for (;;) {
    if (expression.kind === "path") return expression.text;
    if (expression.kind === "template") expression = expression.body;
    else if (expression.kind === "call" && expression.positional[0] !== undefined)
      expression = expression.positional[0];
    else return undefined;
  }
}
