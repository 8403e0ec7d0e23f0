/**
 * The client as it is served: one module made of its parts, at an address that does not change, so that pages of any site
 * can load it; its declarations beside it. The parts are plain modules, read and checked one by one; joining them leaves
 * out what only ties them together.
 */
/* eslint-disable import/default -- what is imported are the texts of files, not what they export */
import declarations from "./client-declarations.txt" with { type: "text" };
import heard from "./heard.browser.js" with { type: "text" };
import httpWays from "./http-ways.browser.js" with { type: "text" };
import link from "./link.browser.js" with { type: "text" };
import session from "./session.browser.js" with { type: "text" };
import socketWay from "./socket-way.browser.js" with { type: "text" };
import subscription from "./subscription.browser.js" with { type: "text" };
import windsock from "./windsock.browser.js" with { type: "text" };

/** The client, as a module. */
export const clientModule = joined([session, socketWay, httpWays, link, subscription, heard, windsock]);

interface Served {
  text: string;
  packed: Uint8Array<ArrayBuffer>;
  tag: string;
  type: string;
}

const served = new Map<string, Served>([
  ["/client.js", made(clientModule, "text/javascript; charset=utf-8")],
  ["/client.d.ts", made(declarations, "text/plain; charset=utf-8")],
]);

/** Bytes of the client on its way to a browser that unpacks. */
export const clientPackedBytes = served.get("/client.js")?.packed.length ?? 0;

/** The answer to a request for the client, by its path below the mount; undefined for another path. */
export function clientAnswer(request: Request, path: string): Response | undefined {
  const found = served.get(path);
  if (!found) return undefined;
  const headers: Record<string, string> = {
    "Content-Type": found.type,
    "Cache-Control": "public, max-age=3600",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    Vary: "Accept-Encoding",
    ETag: found.tag,
  };
  if (request.headers.get("If-None-Match") === found.tag) return new Response(null, { status: 304, headers });
  if (!/\bgzip\b/.test(request.headers.get("Accept-Encoding") ?? "")) return new Response(found.text, { headers });
  return new Response(found.packed, { headers: { ...headers, "Content-Encoding": "gzip" } });
}

function made(text: string, type: string): Served {
  const tag = `"${new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 16)}"`;
  return { text, packed: Bun.gzipSync(new TextEncoder().encode(text)), tag, type };
}

/** Parts in one: what they import of each other is there already, and only the last one's names go out. */
function joined(parts: readonly string[]): string {
  const bodies = parts.map((part) =>
    part
      .replace(/^import [^;]*;\n/gm, "")
      .replace(/^export \{[^}]*\};\n/gm, "")
      .replace(/^export (?=class|function|async function)/gm, "")
      // Comments are for those who read the parts.
      .replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "")
      .replace(/^\s*\/\/ .*\n/gm, "")
      .replace(/\/\*\* @type [^*]*\*\/ (?=\()/g, "")
      .replace(/\/\*\*[^*]*\*\/ /g, "")
      .replace(/^ +/gm, (spaces) => " ".repeat(spaces.length / 2)),
  );
  const head = "/* The client of Windsock; declarations in client.d.ts at the same place. */\n";
  return `${head}${bodies.join("")}export { Windsock, WindsockError };\n`;
}
