/**
 * Sitemaps and indexes of sitemaps, also packed, and plain lists of addresses. Entities that a document defines itself are
 * never put in, so that none can swell; what is broken ends the reading, and what was read until there counts.
 */
import { gunzipSync } from "node:zlib";
import { SaxesParser } from "saxes";

/** What a sitemap says. */
export interface Sitemap {
  /** Addresses of pages, as written. */
  pages: string[];
  /** Addresses of further sitemaps. */
  sitemaps: string[];
  /** Why it is not wholly read. */
  trouble?: string;
}

const entriesMax = 50_000;

/** Reads a sitemap. `maxBytes` bounds it after unpacking. Never throws. */
export function parseSitemap(bytes: Uint8Array, maxBytes: number): Sitemap {
  let plain = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = gunzipSync(bytes, { maxOutputLength: maxBytes });
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      return { pages: [], sitemaps: [], trouble: `it cannot be unpacked: ${thrown.message.slice(0, 100)}` };
    }
  }
  const text = new TextDecoder().decode(plain);
  if (!text.trimStart().startsWith("<")) {
    const lines = text.split(/\r?\n/, entriesMax).map((line) => line.trim());
    return { pages: lines.filter((line) => /^https?:/i.test(line)), sitemaps: [] };
  }
  return readXml(text);
}

function readXml(text: string): Sitemap {
  const found: Sitemap = { pages: [], sitemaps: [] };
  const parser = new SaxesParser({ xmlns: false, position: true });
  const path: string[] = [];
  let words = "";
  parser.on("error", (failure) => {
    throw failure;
  });
  parser.on("opentag", ({ name }) => {
    path.push(name.replace(/^.*:/, "").slice(0, 40));
    words = "";
    if (path.length > 100) throw new Error("it is nested deeper than any sitemap");
  });
  const add = (piece: string) => {
    if (path.at(-1) === "loc" && words.length < 4096) words += piece;
  };
  parser.on("text", add);
  parser.on("cdata", add);
  parser.on("closetag", () => {
    const name = path.pop();
    const within = path.at(-1);
    const list = within === "sitemap" ? found.sitemaps : within === "url" ? found.pages : undefined;
    if (name === "loc" && list && words.trim() !== "") {
      if (found.pages.length + found.sitemaps.length >= entriesMax)
        throw new Error(`it has more than ${entriesMax} entries`);
      list.push(words.trim());
    }
    words = "";
  });
  try {
    parser.write(text).close();
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    found.trouble = thrown.message.slice(0, 200);
  }
  return found;
}
