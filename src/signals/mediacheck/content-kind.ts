/**
 * Whether a browser would take an answer for what the page wants it to be: types, `nosniff`, frames that forbid
 * themselves, and answers to other origins without leave. Each objection is a sentence; a hard one means that the browser
 * refuses. Judges heads and first bytes only.
 */
import { Policies } from "./policy.ts";
import type { Reference } from "./reference.ts";

/** What is held against an answer. */
export interface Objection {
  isHard: boolean;
  sentence: string;
}

/** An answer as far as it is judged. */
export interface Judged {
  headers: Headers;
  /** Its beginning. */
  body: Uint8Array;
  /** Where it came from, after redirects. */
  url: string;
}

const javascript =
  /^(?:(?:text|application)\/(?:x-)?(?:java|ecma)script|text\/(?:javascript1\.[0-5]|jscript|livescript))$/;

/** The media type without parameters, in lower case; empty for none. */
export function typeOf(headers: Headers): string {
  return (headers.get("content-type")?.split(/[;,]/)[0] ?? "").trim().toLowerCase();
}

/** What is to be said against the type of an answer to `reference`. */
export function objectionsTo(answer: Judged, reference: Reference): Objection[] {
  const type = typeOf(answer.headers);
  const isStrict =
    (answer.headers.get("x-content-type-options") ?? "").split(",")[0]?.trim().toLowerCase() === "nosniff";
  const hard = (sentence: string): Objection[] => [{ isHard: true, sentence }];
  const soft = (sentence: string): Objection[] => [{ isHard: false, sentence }];
  const shown = type === "" ? "no type" : `type ${type.slice(0, 80)}`;
  const isPage = type === "text/html" || type === "application/xhtml+xml";
  switch (reference.kind) {
    case "style":
      if (type === "text/css") return [];
      if (type === "" && !isStrict) return soft("It comes with no type, where text/css is wanted");
      return hard(`It comes with ${shown}, and browsers take nothing but text/css for a style sheet`);
    case "script":
      if (javascript.test(type)) return [];
      if (isStrict) return hard(`It comes with ${shown} and nosniff, so browsers do not run it`);
      if (/^(?:image|audio|video)\/|^text\/csv$/.test(type))
        return hard(`It comes with ${shown}: browsers do not run it`);
      if (isPage) return hard("A page came where a script is wanted");
      return soft(`It comes with ${shown}, where text/javascript is wanted`);
    case "module": {
      const wanted = reference.importType;
      const isGood =
        wanted === "json"
          ? /^(?:application|text)\/(?:[\w.+-]+\+)?json$/.test(type)
          : wanted === "css"
            ? type === "text/css"
            : javascript.test(type) || type === "application/wasm";
      return isGood ? [] : hard(`It comes with ${shown}: browsers do not take that for a ${wanted ?? "script"} module`);
    }
    case "image":
    case "icon":
      if (isPage) return hard("A page came where an image is wanted");
      if (answer.body.length === 0) return soft("It is empty");
      if (type.startsWith("image/") || looksLikeImage(answer.body)) return [];
      return soft(`It comes with ${shown} and does not look like an image`);
    case "font":
    case "media":
    case "track":
      return isPage
        ? hard(`A page came where ${reference.kind === "media" ? "sound or video" : `a ${reference.kind}`} is wanted`)
        : [];
    default:
      return [];
  }
}

/** What another origin needs to allow, and does not. `pageUrl` is whose page asks. */
export function originObjections(answer: Judged, reference: Reference, pageUrl: string): Objection[] {
  const [own, other] = [originOf(pageUrl), originOf(answer.url)];
  if (own === other) return [];
  if (needsCors(reference)) {
    const allowed = answer.headers.get("access-control-allow-origin")?.trim();
    if (allowed === "*" || allowed === own) return [];
    return [{ isHard: true, sentence: `It comes from another origin without Access-Control-Allow-Origin for ${own}` }];
  }
  const policy = answer.headers.get("cross-origin-resource-policy")?.trim().toLowerCase();
  if (policy === "same-origin" && reference.kind !== "frame" && reference.kind !== "page") {
    return [{ isHard: true, sentence: "Its Cross-Origin-Resource-Policy keeps it from pages of other origins" }];
  }
  return [];
}

/** Whether a browser asks with the rules of CORS. */
export function needsCors({ cors, kind }: Reference): boolean {
  return cors === true || kind === "font" || kind === "module";
}

/** What keeps a page from being shown within another. */
export function frameObjections(answer: Judged, pageUrl: string): Objection[] {
  const policy = answer.headers.get("content-security-policy");
  const allowed = policy === null ? undefined : new Policies([policy], answer.url).mayBeWithin(pageUrl);
  if (allowed === false) return [{ isHard: true, sentence: "Its frame-ancestors forbid this page to show it" }];
  if (allowed === true) return [];
  const words = new Set(
    (answer.headers.get("x-frame-options") ?? "")
      .toLowerCase()
      .split(",")
      .map((word) => word.trim()),
  );
  const isForeign = originOf(pageUrl) !== originOf(answer.url);
  if (words.has("deny") || (words.has("sameorigin") && isForeign)) {
    return [{ isHard: true, sentence: "Its X-Frame-Options forbid this page to show it" }];
  }
  return [];
}

function originOf(url: string): string {
  return URL.parse(url)?.origin ?? "null";
}

const beginnings = [
  [0x89, 0x50, 0x4e, 0x47],
  [0x47, 0x49, 0x46, 0x38],
  [0xff, 0xd8, 0xff],
  [0x42, 0x4d],
  [0, 0, 1, 0],
  [0, 0, 2, 0],
  [0xff, 0x0a],
];

function looksLikeImage(body: Uint8Array): boolean {
  if (beginnings.some((bytes) => bytes.every((byte, at) => body[at] === byte))) return true;
  const head = Buffer.from(body.subarray(0, 512)).toString("latin1");
  const box = head.slice(4, 12);
  if ((head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") || /^ftyp(?:avif|avis|heic|mif1)/.test(box))
    return true;
  return /^[^<]{0,8}<(?:svg|\?xml|!--|!doctype svg)/i.test(head) && head.includes("<svg");
}
