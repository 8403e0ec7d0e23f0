/**
 * What a page asks a browser to fetch: a URL, what it is used as, and where it was written. The readers of HTML, styles,
 * modules and manifests all give these; nothing here fetches or judges.
 */

/** What a fetched thing is used as. */
export const resourceKinds = [
  "page",
  "image",
  "style",
  "script",
  "module",
  "font",
  "media",
  "track",
  "frame",
  "object",
  "manifest",
  "icon",
  "fetch",
] as const;
/** One of {@link resourceKinds}. `fetch` is what is loaded ahead, or of no kind a page can name. */
export type ResourceKind = (typeof resourceKinds)[number];

/** One mention of a resource. */
export interface Reference {
  /** As it was written, resolved: any scheme, with its fragment. Text that is no URL stays as it was. */
  url: string;
  kind: ResourceKind;
  /** Where it stands, for people: `img srcset 2x`, `@import`. */
  how: string;
  /** Hashes that it must have, as they were written. */
  integrity?: string;
  nonce?: string;
  /** Asked for with the rules of CORS, whatever its kind says. */
  cors?: boolean;
  /** The type a module was imported as. */
  importType?: string;
  /** Brought in by script that runs, not by the page itself. */
  isByScript?: boolean;
}

/** Schemes of what is in the page already, or is for other programs. */
const silent = /^(?:data|blob|about|javascript|mailto|tel|sms|filesystem|intent|market|chrome-extension):/i;
/** Longer text is no address that anything fetches. */
const urlMaxLength = 65_536;

/**
 * The absolute URL of what was written, or undefined when there is nothing to fetch: empty text, a fragment of the same
 * document, `data:` and `blob:`. Text that is no URL comes back as it is, for somebody has to be told.
 */
export function resolve(written: string, base: string): string | undefined {
  // As browsers: tabs and line ends vanish, white space around it too.
  const text = written.replaceAll(/[\t\n\r]/g, "").trim();
  if (text === "" || text.startsWith("#") || silent.test(text)) return undefined;
  if (text.length > urlMaxLength) return `${text.slice(0, 200)}…`;
  const parsed = URL.parse(text, base);
  if (parsed === null) return text;
  if (silent.test(parsed.protocol)) return undefined;
  return parsed.href.length > urlMaxLength ? `${parsed.href.slice(0, 200)}…` : parsed.href;
}

/** A URL without what only the browser keeps. */
export function withoutFragment(url: string): string {
  const at = url.indexOf("#");
  return at === -1 ? url : url.slice(0, at);
}

/** A URL as it may be shown: without user and password. */
export function shownUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#@]*@/i, "$1***@");
}
