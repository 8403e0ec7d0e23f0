import { expect, test } from "bun:test";
import fc from "fast-check";

import { disposition, isActive, servedHeaders } from "./served-type.ts";

const program = { headers: new Headers({ "User-Agent": "curl/8.14" }) };
const browsers = [
  { headers: new Headers({ "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)" }) },
  { headers: new Headers({ "Sec-Fetch-Dest": "document" }) },
];

test("isActive: every type that a browser may run, whatever its case and parameters", () => {
  for (const type of [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "application/xhtml+xml",
    "image/svg+xml",
    "application/xml",
    "text/xml",
    "text/xsl+xml",
    "application/rss+xml",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/livescript",
    "text/jscript",
    "text/css",
    "application/wasm",
    "multipart/x-mixed-replace",
    "application/x-shockwave-flash",
  ]) {
    expect([type, isActive(type)]).toEqual([type, true]);
  }
  for (const type of ["text/plain", "image/png", "application/octet-stream", "video/mp4", "application/pdf"]) {
    expect([type, isActive(type)]).toEqual([type, false]);
  }
});

test("servedHeaders: a browser never gets an active type, nor shows one; a program gets what was stored", () => {
  for (const mimetype of ["text/html; charset=utf-8", "image/svg+xml", "application/javascript"]) {
    for (const browser of browsers) {
      const { contentType, headers } = servedHeaders({ mimetype, name: "x", isDownload: false }, browser);
      expect(contentType).toBe("application/octet-stream");
      expect(headers["Content-Disposition"]).toBe('attachment; filename="x"');
      expect(headers["Content-Security-Policy"]).toBe("sandbox; default-src 'none'");
      expect(headers.Vary).toBe("Sec-Fetch-Dest, User-Agent");
    }
    expect(servedHeaders({ mimetype, name: "x", isDownload: false }, program).contentType).toBe(mimetype);
  }
});

test("servedHeaders: what cannot run is shown, unless a download is asked for; the rest is to be saved", () => {
  const kind = (mimetype: string, isDownload = false) =>
    servedHeaders({ mimetype, name: "", isDownload }, program).headers["Content-Disposition"];
  expect(kind("image/png")).toBe("inline");
  expect(kind("Text/Plain; charset=utf-8")).toBe("inline");
  expect(kind("image/png", true)).toBe("attachment");
  expect(kind("application/zip")).toBe("attachment");
  // Looks like one that is shown, and is not.
  expect(kind("image/png+xml")).toBe("attachment");
});

test("servedHeaders: no type whatever is both shown and active", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w!#$&^.+-]{1,40}\/[\w!#$&^.+-]{1,40}$/), (mimetype) => {
      const { headers } = servedHeaders({ mimetype, name: "", isDownload: false }, program);
      if (isActive(mimetype)) expect(headers["Content-Disposition"]).toBe("attachment");
      expect(headers["X-Content-Type-Options"]).toBe("nosniff");
      expect(headers["Content-Security-Policy"]).toContain("default-src 'none'");
    }),
  );
});

test("disposition: any name makes one header that says it again", () => {
  expect(disposition("inline", "")).toBe("inline");
  expect(disposition("inline", "a b.txt")).toBe('inline; filename="a b.txt"');
  expect(disposition("attachment", 'a"b\\%41.txt')).toBe(
    `attachment; filename="a_b__41.txt"; filename*=UTF-8''a%22b%5C%2541.txt`,
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 80 }), (name) => {
      const header = disposition("attachment", name);
      expect(header).toMatch(/^attachment; filename="[^"\\\r\n]*"(?:; filename\*=UTF-8''[\w.!~%-]*)?$/);
      const extended = /filename\*=UTF-8''(.*)$/.exec(header)?.[1];
      if (extended !== undefined) expect(decodeURIComponent(extended)).toBe(name.toWellFormed());
    }),
  );
});
