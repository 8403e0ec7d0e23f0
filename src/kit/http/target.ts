/**
 * What a request is for: the path in its URL, in the one spelling that everybody who decides by it has to use, routers and
 * guards alike. Spellings on which readers differ are refused. Sources: RFC 3986, sections 2.3 and 6.2.2.
 */
import { Fault } from "../fault.ts";

/**
 * The path of a URL as the server gives it, without query. Letters, digits and `-._~` that were percent-encoded without
 * need are decoded, for routers take both spellings as the same path, and so must whoever asks for scopes.
 */
export function pathOf(url: string): string {
  // Without a Host header, as HTTP/1.0 allows, the URL is a path alone.
  const start = url.charCodeAt(0) === 47 ? 0 : url.indexOf("/", 8);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  if (!path.includes("%")) return path;
  return path.replace(/%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
}

/** A part of a path, or of a fragment, as it was before it was put there; as it stands where its escapes make no sense. */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (thrown) {
    if (thrown instanceof URIError) return text;
    throw thrown;
  }
}

/** The answer to a method that a path does not take; `allow` lists those it does, such as `GET, HEAD`. */
export function notAllowed(allow: string): Response {
  return new Response("Method Not Allowed\n", { status: 405, headers: { Allow: allow } });
}

/** The last origin that was looked at and found well-formed. */
let readableOrigin: string | undefined;

/**
 * Refuses what different readers would read differently: URLs that do not parse (no Host, or one with odd characters) and
 * paths with `.` or `..` segments, which some resolve and others compare as they stand. Fault: `http/request-target`.
 */
export function refuseUnreadable(url: string, path: string): void {
  const origin = url.slice(0, url.indexOf("/", 8));
  if (origin !== readableOrigin) {
    if (!/^https?:/.test(url) || !URL.canParse(url)) {
      throw new Fault("invalid", "http/request-target", "Cannot read the request: its Host header names no host");
    }
    readableOrigin = origin;
  }
  if (path.includes("/.") && /\/\.\.?(?:\/|$)/.test(path)) {
    throw new Fault(
      "invalid",
      "http/request-target",
      `Cannot read the path "${path.slice(0, 200)}": wanted one without "." and ".." in it`,
    );
  }
}
