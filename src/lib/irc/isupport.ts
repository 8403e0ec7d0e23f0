/**
 * What a server says of itself in numeric 005, and what follows from it: which names are the same, what is a channel, which
 * signs stand before nicks. Without a word from the server, what RFC 1459 says holds.
 */

/** How letters are folded; two names that fold alike are one. */
export type CaseMapping = "ascii" | "rfc1459" | "strict-rfc1459";

/** A name as it is compared. */
export function foldName(name: string, mapping: CaseMapping): string {
  const folded = name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (mapping === "ascii") return folded;
  const pairs: Readonly<Record<string, string>> =
    mapping === "rfc1459" ? { "[": "{", "]": "}", "\\": "|", "~": "^" } : { "[": "{", "]": "}", "\\": "|" };
  return folded.replaceAll(/[[\]\\~]/g, (letter) => pairs[letter] ?? letter);
}

/** More are not kept, so that no server fills the memory by telling of itself without end. */
const maxTokens = 200;

/** What the server said. */
export class ServerSupport {
  readonly #tokens = new Map<string, string>();

  /** Reads the tokens of one 005: what stands between the nick and the words for people. */
  take(tokens: readonly string[]): void {
    for (const token of tokens) {
      if (token.startsWith("-")) {
        this.#tokens.delete(token.slice(1).toUpperCase());
        continue;
      }
      const at = token.indexOf("=");
      const name = (at < 0 ? token : token.slice(0, at)).toUpperCase();
      if (this.#tokens.size >= maxTokens && !this.#tokens.has(name)) continue;
      const value = at < 0 ? "" : token.slice(at + 1);
      this.#tokens.set(
        name,
        value.replaceAll(/\\x([0-9A-Fa-f]{2})/g, (_, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        ),
      );
    }
  }

  /** The value of a token; empty for one without a value, undefined for one that was not said. */
  get(name: string): string | undefined {
    return this.#tokens.get(name);
  }

  /** The name of the network, or the empty text. */
  get network(): string {
    return this.#tokens.get("NETWORK") ?? "";
  }

  /** The longest nick. */
  get nickLength(): number {
    return this.#count("NICKLEN", 9, 1, 512);
  }

  /** The longest line, in bytes, with what ends it. */
  get lineBytes(): number {
    return this.#count("LINELEN", 512, 512, 8192);
  }

  get caseMapping(): CaseMapping {
    const said = this.#tokens.get("CASEMAPPING")?.toLowerCase();
    if (said === "ascii" || said === "strict-rfc1459") return said;
    return "rfc1459";
  }

  /** A name as this server compares it. */
  fold(name: string): string {
    return foldName(name, this.caseMapping);
  }

  /** Whether two names are one. */
  isSame(one: string, other: string): boolean {
    return this.fold(one) === this.fold(other);
  }

  /** Whether a target is a channel. */
  isChannel(target: string): boolean {
    const first = target[0];
    return first !== undefined && (this.#tokens.get("CHANTYPES") ?? "#&").includes(first);
  }

  /** Modes of members and their signs, highest first: `[["o", "@"], ["v", "+"]]`. */
  get memberModes(): readonly (readonly [mode: string, sign: string])[] {
    const [, modes = "ov", signs = "@+"] = /^\(([A-Za-z]*)\)(.*)$/.exec(this.#tokens.get("PREFIX") ?? "") ?? [];
    return [...modes].map((mode, index) => [mode, signs[index] ?? ""] as const);
  }

  /** Whether a mode of channels has a parameter when it is set or taken. */
  hasParameter(mode: string, isSet: boolean): boolean {
    if (this.memberModes.some(([letter]) => letter === mode)) return true;
    const [lists = "beI", always = "k", whenSet = "l"] = (this.#tokens.get("CHANMODES") ?? "beI,k,l,").split(",");
    return lists.includes(mode) || always.includes(mode) || (isSet && whenSet.includes(mode));
  }

  #count(name: string, otherwise: number, min: number, max: number): number {
    const value = Number(this.#tokens.get(name));
    return Number.isInteger(value) && value >= min ? Math.min(value, max) : otherwise;
  }
}
