/**
 * What a browser is told of stored bytes. Their media type came from whoever uploaded them, and a page that is stored here
 * must not run with the rights of this node's own pages. Three cases:
 *
 * - types that browsers show without running anything (pictures, sound, film, plain text, PDF, JSON) are shown, under a
 *   policy that forbids scripts all the same;
 * - types that can carry a script (HTML, SVG, XML, scripts, styles, WebAssembly) are only offered to be saved, and a
 *   browser, which could also be told to load them as a script of one of our pages, hears `application/octet-stream`
 *   instead; every other client gets the type that was stored;
 * - anything else keeps its type and is offered to be saved.
 *
 * A browser is one that says where the answer goes (Sec-Fetch-Dest), or, where that is not sent over plain HTTP, is called
 * Mozilla, as all of them are. No answer is sniffed.
 */

/** What decides the headers of an answer. */
export interface ServedContent {
  readonly mimetype: string;
  /** What a browser would save it as; empty when it has no name. */
  readonly name: string;
  /** Asked for to be saved, whatever it is. */
  readonly isDownload: boolean;
}

const shown = new Set([
  "application/json",
  "application/pdf",
  "audio/aac",
  "audio/flac",
  "audio/mp4",
  "audio/mpeg",
  "audio/ogg",
  "audio/opus",
  "audio/wav",
  "audio/webm",
  "audio/x-wav",
  "image/apng",
  "image/avif",
  "image/bmp",
  "image/gif",
  "image/heic",
  "image/jpeg",
  "image/jxl",
  "image/png",
  "image/tiff",
  "image/vnd.microsoft.icon",
  "image/webp",
  "image/x-icon",
  "text/plain",
  "video/mp4",
  "video/mpeg",
  "video/ogg",
  "video/quicktime",
  "video/webm",
  "video/x-matroska",
]);
const active = /html|xml|svg|script|css|wasm|mixed-replace|x-shockwave|java/;

/** Nothing runs, nothing is fetched. */
const closed = "sandbox; default-src 'none'";
/** As {@link closed}, but what a browser itself puts around a picture or a film may be styled. */
const showing = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox";

/** Whether a type can carry something that runs in a browser. */
export function isActive(mimetype: string): boolean {
  return active.test(mimetype.toLowerCase());
}

/** Content-Type and the headers that keep it harmless. */
export function servedHeaders(
  content: ServedContent,
  request: { headers: Headers },
): { contentType: string; headers: Record<string, string> } {
  const essence = (content.mimetype.split(";", 1)[0] ?? "").trim().toLowerCase();
  const isShown = shown.has(essence);
  const headers: Record<string, string> = {
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": disposition(isShown && !content.isDownload ? "inline" : "attachment", content.name),
    // The viewers that browsers have for PDF do not run in a sandbox; they run no script of the file with rights of ours.
    "Content-Security-Policy":
      essence === "application/pdf"
        ? "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
        : isShown
          ? showing
          : closed,
  };
  if (!isActive(content.mimetype)) return { contentType: content.mimetype, headers };
  headers.Vary = "Sec-Fetch-Dest, User-Agent";
  return { contentType: isBrowser(request.headers) ? "application/octet-stream" : content.mimetype, headers };
}

function isBrowser(headers: Headers): boolean {
  return headers.has("sec-fetch-dest") || (headers.get("user-agent") ?? "").startsWith("Mozilla/");
}

/** A Content-Disposition (RFC 6266): the name in ASCII for old clients, and whole in UTF-8 (RFC 8187). */
export function disposition(kind: "inline" | "attachment", name: string): string {
  if (name === "") return kind;
  const plain = name.replace(/[^\x20-\x7e]/gu, "_").replace(/["\\%]/g, "_");
  const extended = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return plain === name ? `${kind}; filename="${name}"` : `${kind}; filename="${plain}"; filename*=UTF-8''${extended}`;
}
