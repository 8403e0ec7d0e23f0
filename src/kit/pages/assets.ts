/**
 * Styles, scripts and pictures of pages, served under names that contain a hash of their bytes and therefore cacheable
 * for good. They live in memory: text imports put them into the compiled executable.
 */

/** A file that pages link to. Make it with {@link asset}. */
export interface Asset {
  /** `<group>-<name>.<ending>`, such as `cask-upload.js`. */
  readonly name: string;
  readonly text: string;
  /** First 12 hex digits of the SHA-256 of the text. */
  readonly hash: string;
  readonly type: string;
}

const types: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** An asset of the given name and text. Throws RangeError when the name's ending is not css, js or svg. */
export function asset(name: string, text: string): Asset {
  const type = types[name.slice(name.lastIndexOf(".") + 1)];
  if (type === undefined || !/^[a-z0-9-]+\.[a-z]+$/.test(name))
    throw new RangeError(
      `Cannot make an asset "${name}": wanted lower-case letters, digits and dashes, then .css, .js or .svg`,
    );
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
  return { name, text, hash, type };
}

/** The assets of one program, by URL path. */
export interface AssetShelf {
  /** Puts an asset there (again and again, if need be) and tells its path, such as `/assets/0123456789ab.warren.css`. */
  put(item: Asset): string;
  /** The answer to a request for an asset, or undefined when the path is not below the prefix. */
  answer(request: Request): Response | undefined;
}

/** An empty shelf. `prefix` begins and ends with a slash. */
export function createAssetShelf(prefix = "/assets/"): AssetShelf {
  const items = new Map<string, { item: Asset; packed: Uint8Array<ArrayBuffer> }>();
  return {
    put(item) {
      const path = `${prefix}${item.hash}.${item.name}`;
      if (!items.has(path)) items.set(path, { item, packed: Bun.gzipSync(new TextEncoder().encode(item.text)) });
      return path;
    },
    answer(request) {
      const path = new URL(request.url).pathname;
      if (!path.startsWith(prefix)) return undefined;
      const found = items.get(path);
      // A page of another version may ask for an asset of its own; it must not remember that it was missing here.
      if (!found) return new Response("not found\n", { status: 404, headers: { "Cache-Control": "no-store" } });
      const headers: Record<string, string> = {
        "Content-Type": found.item.type,
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        Vary: "Accept-Encoding",
        ETag: `"${found.item.hash}"`,
      };
      if (request.headers.get("If-None-Match") === headers["ETag"]) return new Response(null, { status: 304, headers });
      if (/\bgzip\b/.test(request.headers.get("Accept-Encoding") ?? "")) {
        return new Response(found.packed, { headers: { ...headers, "Content-Encoding": "gzip" } });
      }
      return new Response(found.item.text, { headers });
    },
  };
}
