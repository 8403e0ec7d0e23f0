/**
 * What a page asks for, read from the tree that browsers build of it (parse5, with script on, so `<noscript>` says
 * nothing and `<template>` neither). `<base href>` counts where browsers let it. Gives references and the rules they
 * stand under; fetches and judges nothing. Bounded in depth and elements: a page beyond that is refused with words.
 */
import { type DefaultTreeAdapterMap, defaultTreeAdapter, parse } from "parse5";

import { decodedPart } from "../../kit/http/target.ts";
import { declarationReferences, styleReferences } from "./css-references.ts";
import { emptyImportMap, type ImportMap, mergeImportMaps, parseImportMap } from "./import-map.ts";
import { type Reference, type ResourceKind, resolve } from "./reference.ts";
import { candidatesMax, parseSrcset } from "./srcset.ts";

/** A link that a person can follow. */
export interface Anchor {
  url: string;
  /** Decoded, without `#`; empty for none. */
  fragment: string;
}

/** Text of the page that a browser runs or applies. */
export interface InlinePiece {
  kind: "style" | "script" | "module";
  text: string;
  nonce: string | undefined;
}

/** What a page says. */
export interface PageParts {
  /** Where relative addresses begin. */
  baseUrl: string;
  references: Reference[];
  inline: InlinePiece[];
  /** Declarations in `style` attributes: how many, and what they ask for. */
  styleAttributes: { count: number; references: Reference[] };
  importMap: ImportMap;
  /** Policies in the page itself. */
  policies: string[];
  anchors: Anchor[];
  /** What a fragment may name. */
  names: ReadonlySet<string>;
  /** Documents within: the text of `srcdoc`. */
  documents: string[];
  refresh: string | undefined;
  /** Why the page is not wholly read. */
  trouble: string | undefined;
}

/** What of a page is wanted beyond what a browser fetches by itself. */
export interface PageWants {
  /** Pictures that pages name for other sites: `og:image` and its like. */
  metaImages: boolean;
  /** Whether the policy lets the page say where addresses begin. */
  mayBase?: (url: string) => boolean;
}

type Element = DefaultTreeAdapterMap["element"];
type Parent = DefaultTreeAdapterMap["parentNode"];

const depthMax = 1000;
const elementsMax = 300_000;
const referencesMax = 20_000;
const documentsMax = 100;
/** Every relative address grows by where it begins. */
const baseMaxLength = 2048;
/** Of all policies in the page together, and of all import maps: each address is held against them. */
const policiesMaxLength = 32 * 1024;
const importMapsMaxLength = 256 * 1024;
const scriptTypes =
  /^(?:|(?:text|application)\/(?:x-)?(?:java|ecma)script|text\/(?:javascript1\.[0-5]|jscript|livescript))$/;
const metaNames = new Set([
  "og:image",
  "og:image:url",
  "og:image:secure_url",
  "og:video",
  "og:video:secure_url",
  "og:audio",
  "twitter:image",
  "twitter:image:src",
  "twitter:player:stream",
  "msapplication-tileimage",
]);
const iconWords = new Set([
  "icon",
  "apple-touch-icon",
  "apple-touch-icon-precomposed",
  "mask-icon",
  "fluid-icon",
  "apple-touch-startup-image",
]);
const preloadKinds: Readonly<Record<string, ResourceKind>> = {
  image: "image",
  style: "style",
  script: "script",
  font: "font",
  audio: "media",
  video: "media",
  track: "track",
  document: "frame",
};

class TooMuch extends Error {}

/** Reads a page. `url` is where it came from. Never throws. */
export function pageParts(html: string, url: string, wants: PageWants): PageParts {
  let elements = 0;
  let depth = 0;
  const parts: PageParts = {
    baseUrl: url,
    references: [],
    inline: [],
    styleAttributes: { count: 0, references: [] },
    importMap: emptyImportMap,
    policies: [],
    anchors: [],
    names: new Set(),
    documents: [],
    refresh: undefined,
    trouble: undefined,
  };
  let tree: Parent;
  try {
    tree = parse(html, {
      scriptingEnabled: true,
      treeAdapter: {
        ...defaultTreeAdapter,
        createElement(name, namespace, attributes) {
          if (++elements > elementsMax) throw new TooMuch(`it has more than ${elementsMax} elements`);
          return defaultTreeAdapter.createElement(name, namespace, attributes);
        },
        onItemPush() {
          if (++depth > depthMax) throw new TooMuch(`it is nested deeper than ${depthMax} elements`);
        },
        onItemPop() {
          depth--;
        },
      },
    });
  } catch (thrown) {
    if (!(thrown instanceof TooMuch)) throw thrown;
    return { ...parts, trouble: thrown.message };
  }
  const all = elementsOf(tree);
  const base = all.find(({ tagName, attrs }) => tagName === "base" && attrs.some(({ name }) => name === "href"));
  const written = base && attribute(base, "href");
  const isLong = written !== undefined && written.length > baseMaxLength;
  if (isLong) parts.trouble = `its <base> is longer than ${baseMaxLength} characters`;
  const wanted = written === undefined || isLong ? undefined : URL.parse(written, url)?.href;
  if (wanted !== undefined && /^https?:/.test(wanted) && (wants.mayBase?.(wanted) ?? true)) parts.baseUrl = wanted;
  const names = new Set<string>();
  parts.names = names;
  const lengths = { policies: 0, importMaps: 0 };
  for (const element of all) {
    readElement(element, parts, wants, lengths);
    for (const { name, value } of element.attrs) {
      if (name === "id" || (name === "name" && element.tagName === "a")) names.add(value);
    }
    if (parts.references.length + parts.styleAttributes.references.length > referencesMax) {
      parts.trouble = `it asks for more than ${referencesMax} things`;
      break;
    }
  }
  return parts;
}

/** All elements in the order of the document, without those in templates that stay templates. */
function elementsOf(tree: Parent): Element[] {
  const found: Element[] = [];
  const waiting: Parent[] = [tree];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ("tagName" in node) found.push(node);
    const children = node.childNodes;
    for (let at = children.length - 1; at >= 0; at--) {
      const child = children[at];
      if (child !== undefined && "childNodes" in child) waiting.push(child);
    }
    if ("content" in node && attribute(node, "shadowrootmode") !== undefined) waiting.push(node.content);
  }
  return found;
}

function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((candidate) => candidate.name === name)?.value;
}

function textOf(element: Element): string {
  return element.childNodes.map((child) => ("value" in child ? child.value : "")).join("");
}

/** How long the rules of a page are that were read so far. */
interface Lengths {
  policies: number;
  importMaps: number;
}

function readElement(element: Element, parts: PageParts, wants: PageWants, lengths: Lengths): void {
  const { tagName } = element;
  const of = (name: string) => attribute(element, name);
  const extra = (): Partial<Reference> => {
    const [integrity, nonce] = [of("integrity"), of("nonce")];
    return {
      ...(integrity ? { integrity } : {}),
      ...(nonce ? { nonce } : {}),
      ...(of("crossorigin") === undefined ? {} : { cors: true }),
    };
  };
  const add = (written: string | undefined, kind: ResourceKind, how: string) => {
    const url = written === undefined ? undefined : resolve(written, parts.baseUrl);
    if (url !== undefined) parts.references.push({ url, kind, how, ...extra() });
  };
  const addSet = (written: string | undefined, how: string) => {
    const candidates = parseSrcset(written ?? "");
    if (candidates.length >= candidatesMax) parts.trouble ??= `a srcset names ${candidatesMax} candidates or more`;
    for (const { url, descriptor } of candidates) add(url, "image", `${how} ${descriptor}`.trim());
  };
  const style = of("style");
  if (style !== undefined && style !== "") {
    parts.styleAttributes.count++;
    if (/url|image-set|src\(/i.test(style))
      parts.styleAttributes.references.push(
        ...declarationReferences(style, parts.baseUrl, `${tagName} style`).references,
      );
  }
  switch (tagName) {
    case "img":
      add(of("src"), "image", "img src");
      addSet(of("srcset"), "img srcset");
      break;
    case "source": {
      const isPicture =
        element.parentNode !== null && "tagName" in element.parentNode && element.parentNode.tagName === "picture";
      if (isPicture) addSet(of("srcset"), "picture source");
      else add(of("src"), "media", "source src");
      break;
    }
    case "video":
      add(of("poster"), "image", "video poster");
      add(of("src"), "media", "video src");
      break;
    case "audio":
      add(of("src"), "media", "audio src");
      break;
    case "track":
      add(of("src"), "track", "track src");
      break;
    case "embed":
      add(of("src"), "object", "embed src");
      break;
    case "object":
      add(of("data"), "object", "object data");
      break;
    case "iframe": {
      const inner = of("srcdoc");
      if (inner === undefined) add(of("src"), "frame", "iframe src");
      else if (parts.documents.length < documentsMax) parts.documents.push(inner);
      else parts.trouble ??= `it has more than ${documentsMax} documents within`;
      break;
    }
    case "frame":
      add(of("src"), "frame", "frame src");
      break;
    case "input":
      if (of("type")?.trim().toLowerCase() === "image") add(of("src"), "image", "input src");
      break;
    case "body":
    case "table":
    case "td":
    case "th":
      add(of("background"), "image", `${tagName} background`);
      break;
    case "image":
    case "feImage":
    case "use":
      add(of("href") ?? of("xlink:href"), "image", `svg ${tagName}`);
      break;
    case "link":
      readLink((name) => of(name), add, addSet);
      break;
    case "style":
      if (isCss(of("type"))) {
        const text = textOf(element);
        parts.inline.push({ kind: "style", text, nonce: of("nonce") });
      }
      break;
    case "script":
      readScript(element, parts, add, lengths);
      break;
    case "meta":
      readMeta((name) => of(name), parts, wants, add, lengths);
      break;
    case "a":
    case "area": {
      const url = of("href") === undefined ? null : URL.parse(of("href") ?? "", parts.baseUrl);
      if (url !== null && /^https?:$/.test(url.protocol) && parts.anchors.length < referencesMax) {
        const fragment = decodedPart(url.hash.slice(1));
        url.hash = "";
        parts.anchors.push({ url: url.href, fragment });
      }
      break;
    }
    default:
  }
}

/** References of the style sheets that stand in the page. */
export function inlineStyleReferences(piece: InlinePiece, baseUrl: string): Reference[] {
  return styleReferences(piece.text, baseUrl, "<style>").references;
}

function isCss(type: string | undefined): boolean {
  return type === undefined || type === "" || type.toLowerCase() === "text/css";
}

type Adding = (written: string | undefined, kind: ResourceKind, how: string) => void;

/** What a link asks for, in the page or in a header. */
export function readLink(
  of: (name: string) => string | undefined,
  add: Adding,
  addSet: (written: string | undefined, how: string) => void,
): void {
  const words = (of("rel") ?? "").toLowerCase().split(/\s+/);
  const href = of("href");
  const how = `link rel=${words.join(" ")}`.slice(0, 60);
  if (words.includes("stylesheet")) {
    if (of("disabled") === undefined && isCss(of("type"))) add(href, "style", how);
    return;
  }
  if (words.some((word) => iconWords.has(word))) return add(href, "icon", how);
  if (words.includes("manifest")) return add(href, "manifest", how);
  if (words.includes("modulepreload")) return add(href, "module", how);
  if (words.includes("preload")) {
    const as = (of("as") ?? "").toLowerCase();
    add(href, preloadKinds[as] ?? "fetch", `${how} as=${as}`.slice(0, 60));
    if (as === "image") addSet(of("imagesrcset"), how);
    return;
  }
  if (words.includes("prefetch") || words.includes("prerender")) add(href, "fetch", how);
}

function readScript(element: Element, parts: PageParts, add: Adding, lengths: Lengths): void {
  const type = (attribute(element, "type") ?? "").trim().toLowerCase();
  const source = attribute(element, "src") ?? attribute(element, "href") ?? attribute(element, "xlink:href");
  if (type === "importmap") {
    const text = textOf(element);
    lengths.importMaps += text.length;
    if (lengths.importMaps > importMapsMaxLength) {
      parts.trouble ??= `its import maps are longer than ${importMapsMaxLength} characters`;
      return;
    }
    const map = parseImportMap(text, parts.baseUrl);
    if (map) parts.importMap = mergeImportMaps(parts.importMap, map);
    return;
  }
  const kind = type === "module" ? "module" : scriptTypes.test(type) ? "script" : undefined;
  // Anything else is data, which no browser fetches.
  if (kind === undefined) return;
  if (source !== undefined) add(source, kind, kind === "module" ? "script type=module" : "script src");
  else parts.inline.push({ kind, text: textOf(element), nonce: attribute(element, "nonce") });
}

function readMeta(
  of: (name: string) => string | undefined,
  parts: PageParts,
  wants: PageWants,
  add: Adding,
  lengths: Lengths,
): void {
  const content = of("content") ?? "";
  const rule = (of("http-equiv") ?? "").trim().toLowerCase();
  if (rule === "content-security-policy" && content !== "") {
    lengths.policies += content.length;
    if (lengths.policies <= policiesMaxLength) parts.policies.push(content);
    else parts.trouble ??= `its policies are longer than ${policiesMaxLength} characters`;
  }
  if (rule === "refresh") {
    const written = /^\s*[\d.]+\s*[;,\s]\s*(?:url\s*=\s*)?(?:"([^"]*)|'([^']*)|([^"'].*))/is.exec(
      content.slice(0, 8192),
    );
    const target = written?.[1] ?? written?.[2] ?? written?.[3];
    const url = target === undefined ? undefined : resolve(target, parts.baseUrl);
    if (url !== undefined) parts.refresh ??= url;
  }
  const name = (of("property") ?? of("name") ?? "").trim().toLowerCase();
  if (wants.metaImages && metaNames.has(name)) add(content, name.includes("image") ? "image" : "media", `meta ${name}`);
}
