/**
 * Content-Security-Policy: whether the policies of a page let a browser fetch something, apply a style or run a script
 * that stands in it. Knows sources by host, scheme and path, nonces, hashes, `strict-dynamic` and the fallbacks between
 * directives (CSP level 3). Leaves out sandboxing and reports. Never throws.
 */
import { decodedPart } from "../../kit/http/target.ts";
import type { ResourceKind } from "./reference.ts";

/** One policy: sources by directive. */
type Policy = ReadonlyMap<string, readonly string[]>;

/** What is asked to be let through. */
export interface Asked {
  url: string;
  nonce?: string | undefined;
  integrity?: string | undefined;
  isByScript?: boolean | undefined;
  /** It came by a redirect: paths do not count then. */
  isRedirected?: boolean;
}

const chains: Readonly<Record<ResourceKind, readonly string[]>> = {
  page: [],
  image: ["img-src", "default-src"],
  icon: ["img-src", "default-src"],
  style: ["style-src-elem", "style-src", "default-src"],
  script: ["script-src-elem", "script-src", "default-src"],
  module: ["script-src-elem", "script-src", "default-src"],
  font: ["font-src", "default-src"],
  media: ["media-src", "default-src"],
  track: ["media-src", "default-src"],
  frame: ["frame-src", "child-src", "default-src"],
  object: ["object-src", "default-src"],
  manifest: ["manifest-src", "default-src"],
  fetch: ["default-src"],
};

/** The policies of one page. */
export class Policies {
  readonly #policies: readonly Policy[];
  readonly #self: URL;

  /** From values of the header and of `<meta>`; `self` is the page's address. */
  constructor(values: readonly string[], self: string) {
    this.#self = new URL(self);
    this.#policies = values
      .flatMap((value) => value.slice(0, 65_536).split(","))
      .slice(0, 100)
      .map(parsePolicy);
  }

  /** Whether plain HTTP is to be asked for as HTTPS. */
  get upgrades(): boolean {
    return this.#policies.some((policy) => policy.has("upgrade-insecure-requests"));
  }

  /** The directive that forbids a browser to fetch something; undefined when it may. */
  forbids(kind: ResourceKind, asked: Asked): string | undefined {
    for (const policy of this.#policies) {
      const name = chains[kind].find((directive) => policy.has(directive));
      if (name !== undefined && !this.#lets(policy.get(name) ?? [], kind, asked)) return name;
    }
    return undefined;
  }

  /** The directive that forbids what stands in the page itself. */
  forbidsInline(kind: "style" | "script" | "module", text: string, nonce: string | undefined): string | undefined {
    const chain = chains[kind];
    for (const policy of this.#policies) {
      const name = chain.find((directive) => policy.has(directive));
      if (name !== undefined && !letsInline(policy.get(name) ?? [], text, nonce)) return name;
    }
    return undefined;
  }

  /** The directive that forbids `style` attributes. */
  forbidsAttributes(): string | undefined {
    for (const policy of this.#policies) {
      const name = ["style-src-attr", "style-src", "default-src"].find((directive) => policy.has(directive));
      if (name !== undefined && !letsInline(policy.get(name) ?? [], "", undefined)) return name;
    }
    return undefined;
  }

  /** Whether the page may say that addresses begin there. */
  mayBase(url: string): boolean {
    return this.#policies.every((policy) => this.#matchesAny(policy.get("base-uri"), url));
  }

  /** Whether a page at `parent` may show this one within. */
  mayBeWithin(parent: string): boolean | undefined {
    const own = this.#policies.filter((policy) => policy.has("frame-ancestors"));
    return own.length === 0
      ? undefined
      : own.every((policy) => this.#matchesAny(policy.get("frame-ancestors"), parent));
  }

  #matchesAny(sources: readonly string[] | undefined, url: string): boolean {
    const parsed = URL.parse(url);
    if (sources === undefined || parsed === null) return true;
    return sources.some((source) => matches(source, parsed, this.#self, false));
  }

  #lets(sources: readonly string[], kind: ResourceKind, asked: Asked): boolean {
    const url = URL.parse(asked.url);
    if (url === null) return true;
    if (kind === "script" || kind === "module" || kind === "style") {
      if (asked.nonce !== undefined && sources.includes(`'nonce-${asked.nonce}'`)) return true;
    }
    if (kind === "script" || kind === "module") {
      const hashes = (asked.integrity ?? "").split(/\s+/).filter((word) => word !== "");
      if (hashes.length > 0 && hashes.every((hash) => sources.includes(`'${hash}'`))) return true;
      if (sources.some((source) => source.toLowerCase() === "'strict-dynamic'")) return asked.isByScript === true;
    }
    return sources.some((source) => matches(source, url, this.#self, asked.isRedirected ?? false));
  }
}

function parsePolicy(text: string): Policy {
  const policy = new Map<string, readonly string[]>();
  for (const directive of text.split(";").slice(0, 200)) {
    const [name = "", ...sources] = directive.trim().split(/\s+/);
    const key = name.toLowerCase();
    if (key !== "" && !policy.has(key)) policy.set(key, sources);
  }
  return policy;
}

function letsInline(sources: readonly string[], text: string, nonce: string | undefined): boolean {
  if (nonce !== undefined && sources.includes(`'nonce-${nonce}'`)) return true;
  const strict = sources.filter((source) => /^'(?:nonce-|sha(?:256|384|512)-|strict-dynamic')/i.test(source));
  if (strict.length === 0) return sources.some((source) => source.toLowerCase() === "'unsafe-inline'");
  for (const algorithm of ["sha256", "sha384", "sha512"] as const) {
    if (!strict.some((source) => source.toLowerCase().startsWith(`'${algorithm}-`))) continue;
    const digest = new Bun.CryptoHasher(algorithm).update(text).digest("base64");
    const same = (source: string) => source.slice(1, -1).replaceAll("-", "+").replaceAll("_", "/");
    if (strict.some((source) => same(source).endsWith(`+${digest}`))) return true;
  }
  return false;
}

const networkSchemes = new Set(["http:", "https:", "ws:", "wss:"]);

function matches(source: string, url: URL, self: URL, ignorePath: boolean): boolean {
  const word = source.toLowerCase();
  if (word === "'none'") return false;
  if (word === "*") return networkSchemes.has(url.protocol) || url.protocol === self.protocol;
  if (word === "'self'") {
    return (
      url.origin === self.origin ||
      (url.hostname === self.hostname && self.protocol === "http:" && url.protocol === "https:" && url.port === "")
    );
  }
  if (word.startsWith("'")) return false;
  const scheme = /^([a-z][a-z0-9+.-]*):$/.exec(word)?.[1];
  if (scheme !== undefined) return schemeMatches(`${scheme}:`, url.protocol);
  const [, given, host = "", port, path] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/:?#]+|\[[0-9a-f:.]+\])(?::(\d+|\*))?(\/[^?#]*)?$/i.exec(source) ?? [];
  if (host === "") return false;
  if (!schemeMatches(given === undefined ? self.protocol : `${given.toLowerCase()}:`, url.protocol)) return false;
  const wanted = host.toLowerCase();
  if (wanted.startsWith("*.") ? !url.hostname.endsWith(wanted.slice(1)) : wanted !== "*" && wanted !== url.hostname)
    return false;
  if (port !== "*") {
    const usual = url.protocol === "https:" || url.protocol === "wss:" ? "443" : "80";
    const actual = url.port === "" ? usual : url.port;
    if (port === undefined ? url.port !== "" : port !== actual && !(port === "80" && actual === "443")) return false;
  }
  if (path === undefined || path === "/" || ignorePath) return true;
  const [asked, allowed] = [decodedPart(url.pathname), decodedPart(path)];
  return allowed.endsWith("/") ? asked.startsWith(allowed) : asked === allowed;
}

function schemeMatches(wanted: string, actual: string): boolean {
  return (
    wanted === actual ||
    (wanted === "http:" && actual === "https:") ||
    (wanted === "ws:" && actual !== "ftp:" && networkSchemes.has(actual))
  );
}
