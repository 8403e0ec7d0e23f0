/**
 * Import maps as the HTML standard resolves them: exact names before prefixes, the longest prefix first, scopes before
 * the rest. Reads any text without throwing; entries that are no addresses are left out.
 */
import { isTable } from "../../kit/table.ts";

/** What the maps of a page say, with absolute addresses. */
export interface ImportMap {
  imports: ReadonlyMap<string, string | undefined>;
  /** Longest first, as they count. */
  scopes: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  /** Hashes by address. */
  integrity: ReadonlyMap<string, string>;
}

/** Whatever is imported by a prefix grows by where the prefix leads. */
const targetMaxLength = 2048;

/** A map that says nothing. */
export const emptyImportMap: ImportMap = { imports: new Map(), scopes: new Map(), integrity: new Map() };

/** Reads the text of a map; undefined when it is none. */
export function parseImportMap(text: string, base: string): ImportMap | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (!isTable(raw)) return undefined;
  const scopes = new Map<string, ReadonlyMap<string, string | undefined>>();
  for (const [prefix, entries] of Object.entries(isTable(raw["scopes"]) ? raw["scopes"] : {})) {
    const at = URL.parse(prefix, base)?.href;
    if (at !== undefined && isTable(entries)) scopes.set(at, table(entries, base));
  }
  const integrity = new Map<string, string>();
  for (const [url, hashes] of Object.entries(isTable(raw["integrity"]) ? raw["integrity"] : {})) {
    const at = addressOf(url, base);
    if (at !== undefined && typeof hashes === "string") integrity.set(at, hashes);
  }
  const imports = table(isTable(raw["imports"]) ? raw["imports"] : {}, base);
  return { imports, scopes: longestFirst(scopes), integrity };
}

/** Both maps in one; what the first says counts. */
export function mergeImportMaps(first: ImportMap, second: ImportMap): ImportMap {
  const scopes = new Map(first.scopes);
  for (const [prefix, entries] of second.scopes) {
    scopes.set(prefix, new Map([...entries, ...(first.scopes.get(prefix) ?? [])]));
  }
  return {
    imports: new Map([...second.imports, ...first.imports]),
    scopes: longestFirst(scopes),
    integrity: new Map([...second.integrity, ...first.integrity]),
  };
}

/** The address a specifier means in the module at `from`; undefined for a name that nobody knows. */
export function resolveSpecifier(specifier: string, from: string, map: ImportMap): string | undefined {
  const asUrl = addressOf(specifier, from);
  const name = asUrl ?? specifier;
  const scopes = [...map.scopes].filter(
    ([prefix]) => prefix === from || (prefix.endsWith("/") && from.startsWith(prefix)),
  );
  for (const entries of [...scopes.map(([, entries]) => entries), map.imports]) {
    const found = lookUp(name, asUrl !== undefined, entries);
    if (found !== undefined) return found.url;
  }
  return asUrl;
}

function lookUp(
  name: string,
  isUrl: boolean,
  entries: ReadonlyMap<string, string | undefined>,
): { url: string | undefined } | undefined {
  if (entries.has(name)) return { url: entries.get(name) };
  if (isUrl && !/^https?:/.test(name)) return undefined;
  let best = "";
  for (const key of entries.keys()) {
    if (key.endsWith("/") && key.length > best.length && name.startsWith(key)) best = key;
  }
  if (best === "") return undefined;
  const target = entries.get(best);
  return { url: target === undefined ? undefined : URL.parse(name.slice(best.length), target)?.href };
}

/** An address that can be told from a bare name. */
function addressOf(specifier: string, base: string): string | undefined {
  if (/^(?:\/|\.\/|\.\.\/)/.test(specifier)) return URL.parse(specifier, base)?.href;
  return URL.parse(specifier)?.href;
}

function table(raw: Record<string, unknown>, base: string): Map<string, string | undefined> {
  const entries = new Map<string, string | undefined>();
  for (const [name, target] of Object.entries(raw)) {
    if (name === "") continue;
    const to = typeof target === "string" && target.length <= targetMaxLength ? addressOf(target, base) : undefined;
    // A prefix has to lead to a prefix.
    entries.set(addressOf(name, base) ?? name, name.endsWith("/") && to?.endsWith("/") === false ? undefined : to);
  }
  return entries;
}

function longestFirst<Value>(entries: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map([...entries].toSorted(([one], [other]) => other.length - one.length));
}
