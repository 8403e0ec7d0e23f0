import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { paced } from "../../kit/testing/pace.ts";
import { declarationReferences, styleReferences } from "./css-references.ts";
import { pageParts } from "./html-references.ts";
import { emptyImportMap, parseImportMap, resolveSpecifier } from "./import-map.ts";
import { parseLinkHeader } from "./link-header.ts";
import { manifestReferences } from "./manifest-references.ts";
import { scriptReferences } from "./module-references.ts";
import { resolve, shownUrl } from "./reference.ts";
import { parseSitemap } from "./sitemap.ts";
import { parseSrcset } from "./srcset.ts";

const base = "https://site.example/dir/page.html";
const wants = { metaImages: true };
const paths = (references: readonly { url: string; kind: string }[]) =>
  references.map(({ kind, url }) => `${kind} ${url.replace("https://site.example", "")}`);

/** Text that is made of the pieces of a language, so that it comes close to what a reader knows. */
function nearly(pieces: readonly string[]): fc.Arbitrary<string> {
  return fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 5 })), { maxLength: 60 })
    .map((all) => all.join(""));
}

describe("srcset", () => {
  test("parseSrcset: commas in addresses and data addresses stay where they are", () => {
    expect(
      parseSrcset(" a,b.png 1x ,c.png 2x,,data:image/png;base64,AA== 3x, d.png, e.png 10w 5h , f.png 0.5x"),
    ).toEqual([
      { url: "a,b.png", descriptor: "1x" },
      { url: "c.png", descriptor: "2x" },
      { url: "data:image/png;base64,AA==", descriptor: "3x" },
      { url: "d.png", descriptor: "" },
      { url: "e.png", descriptor: "10w 5h" },
      { url: "f.png", descriptor: "0.5x" },
    ]);
  });

  test("parseSrcset: what browsers refuse is left out, and a comma in brackets ends nothing", () => {
    expect(parseSrcset("a.png 1q, b.png (x, y) 1x, c.png 2x 3x, d.png 2x").map(({ url }) => url)).toEqual(["d.png"]);
  });

  test("parseSrcset: never throws, and a megabyte takes no time", async () => {
    fc.assert(
      fc.property(nearly(["a.png", ",", " ", "1x", "(", ")", "200w", "data:,", "\t"]), (text) =>
        Array.isArray(parseSrcset(text)),
      ),
    );
    for (const text of [",".repeat(1e6), "a ".repeat(5e5), "(".repeat(1e6), " ".repeat(1e6), "a, ".repeat(3e5)]) {
      const { costMs, value } = await paced(() => parseSrcset(text));
      expect(value.length).toBeLessThanOrEqual(1000);
      expect(costMs).toBeLessThan(1000);
    }
  });
});

describe("styles", () => {
  test("styleReferences: imports only at the beginning, fonts by their rule, no names, comments and fragments", () => {
    const css = `@charset "x"; @import "a.css" layer(x) supports(display: grid); @layer x; @import url(b.css);
      @namespace url(http://www.w3.org/1999/xhtml); a { b: url(c.png) } @import "never.css"; /* url(never.png) */
      @font-face { src: local("x"), url(d.woff2) format("woff2"), url('e.woff') } a::before { content: "url(never.png)" }
      b { x: image-set("f.png" type("image/png") 1x, url("g.png") 2x); fill: url(#never); y: URL( h.png ) } c { z: src("i.png") }`;
    expect(paths(styleReferences(css, base).references)).toEqual([
      "style /dir/a.css",
      "style /dir/b.css",
      "image /dir/c.png",
      "font /dir/d.woff2",
      "font /dir/e.woff",
      "image /dir/f.png",
      "image /dir/g.png",
      "image /dir/h.png",
      "image /dir/i.png",
    ]);
    expect(paths(declarationReferences("background: url(a\\.png); b: url(b.png", base, "p style").references)).toEqual([
      "image /dir/a.png",
      "image /dir/b.png",
    ]);
  });

  test("styleReferences: never throws, and depth and length cost nothing", async () => {
    const pieces = [
      "@import ",
      "url(",
      ")",
      "{",
      "}",
      "'",
      '"',
      ";",
      "@font-face",
      "\\",
      "image-set(",
      "/*",
      "*/",
      "a.png",
      "src:",
      "\n",
    ];
    fc.assert(fc.property(nearly(pieces), (css) => Array.isArray(styleReferences(css, base).references)));
    for (const css of ["{".repeat(1e6), "a(".repeat(5e5), "url(x)".repeat(2e5), "/*".repeat(5e5), "\\".repeat(1e6)]) {
      const { costMs, value } = await paced(() => styleReferences(css, base));
      expect(value.references.length).toBeLessThanOrEqual(10_000);
      expect(costMs).toBeLessThan(3000);
    }
  });
});

describe("pages", () => {
  test("pageParts: everything with its kind, beginning where the page says", () => {
    const html = `<base href="/in/"><base href="/never/"><img src=a.png srcset="b.png 2x"><picture><source srcset=c.png></picture>
      <video src=d.mp4 poster=e.png><source src=f.mp4><track src=g.vtt></video><audio src=h.mp3></audio><embed src=i><object data=j></object>
      <iframe src=k></iframe><input type=IMAGE src=l><link rel="shortcut icon" href=m><link rel=manifest href=n><link rel=stylesheet href=o>
      <link rel=preload as=font href=p><link rel=modulepreload href=q><link rel="preconnect dns-prefetch" href=never><script src=r></script>
      <script type=module src=s></script><script type=application/ld+json src=never></script><svg><use href=t#u /></svg><meta property=og:image content=v>
      <p style="background:url(w)"><meta http-equiv=refresh content="5; url='x.html'"><a href="y#z">y</a><template><img src=never></template>
      <div><template shadowrootmode=open><img src=shadow></template></div>`;
    const parts = pageParts(html, base, wants);
    expect(paths(parts.references)).toEqual([
      "image /in/a.png",
      "image /in/b.png",
      "image /in/c.png",
      "image /in/e.png",
      "media /in/d.mp4",
      "media /in/f.mp4",
      "track /in/g.vtt",
      "media /in/h.mp3",
      "object /in/i",
      "object /in/j",
      "frame /in/k",
      "image /in/l",
      "icon /in/m",
      "manifest /in/n",
      "style /in/o",
      "font /in/p",
      "module /in/q",
      "script /in/r",
      "module /in/s",
      "image /in/t#u",
      "image /in/v",
      "image /in/shadow",
    ]);
    expect(paths(parts.styleAttributes.references)).toEqual(["image /in/w"]);
    expect([parts.refresh, parts.anchors]).toEqual([
      "https://site.example/in/x.html",
      [{ url: "https://site.example/in/y", fragment: "z" }],
    ]);
  });

  test("pageParts: never throws", () => {
    const pieces = [
      "<img src=",
      "<base href=",
      "<a>",
      "</",
      "<svg>",
      "<table>",
      "<style>",
      "<script>",
      "<template>",
      "'",
      '"',
      ">",
      "<!--",
      "]]>",
      "<link rel=icon href=",
      "<math>",
      "<p>",
      "<b>",
      "&#0;",
      "http://[",
    ];
    fc.assert(fc.property(nearly(pieces), (html) => Array.isArray(pageParts(html, base, wants).references)));
  });

  test("pageParts: a page without end in depth or number is refused in time, with words", async () => {
    for (const html of [
      "<div>".repeat(1e6),
      "<b id=x>".repeat(2e5),
      "<p><b><i>".repeat(2e5),
      "<a><table>".repeat(2e5),
      "<br>".repeat(1e6),
      "<p style='a:url(x)'>".repeat(1e5),
    ]) {
      const { costMs, value } = await paced(() => pageParts(html, base, wants));
      expect(value.trouble).toMatch(/^it (?:is nested deeper|has more|asks for more) than/);
      expect(costMs).toBeLessThan(5000);
    }
  }, 120_000);
});

describe("modules", () => {
  test("pageParts: rules of a page that make each of its addresses long or dear are not taken, with words", async () => {
    const pictures = Array.from({ length: 19_000 }, (_, number) => `<img src=${number}.png>`).join("");
    const { costMs, value: long } = await paced(() =>
      pageParts(`<base href="https://site.example/${"a".repeat(2_000_000)}/">${pictures}`, base, wants),
    );
    expect(costMs).toBeLessThan(10_000);
    expect([long.trouble, long.baseUrl]).toEqual(["its <base> is longer than 2048 characters", base]);
    expect(paths(long.references.slice(0, 1))).toEqual(["image /dir/0.png"]);
    const sources = Array.from({ length: 10_000 }, (_, number) => `https://h${number}.example`).join(" ");
    const policy = `<meta http-equiv=content-security-policy content="img-src ${sources}">`;
    expect(pageParts(policy, base, wants)).toMatchObject({
      trouble: "its policies are longer than 32768 characters",
      policies: [],
    });
    const imports = Object.fromEntries(Array.from({ length: 20_000 }, (_, number) => [`name-${number}/`, "/lib/"]));
    const map = `<script type=importmap>${JSON.stringify({ imports })}</script>`;
    expect(pageParts(map, base, wants)).toMatchObject({
      trouble: "its import maps are longer than 262144 characters",
      importMap: emptyImportMap,
    });
  });

  test("pageParts, scriptReferences: what is beyond a number is not taken for good", async () => {
    const candidates = Array.from({ length: 10_000 }, (_, number) => `${number}.png ${number + 1}w`).join(",");
    const wide = pageParts(`<img srcset="${candidates}">`, base, wants);
    expect([wide.references.length, wide.trouble]).toEqual([1000, "a srcset names 1000 candidates or more"]);
    const within = pageParts('<iframe srcdoc="x"></iframe>'.repeat(101), base, wants);
    expect([within.documents.length, within.trouble]).toEqual([100, "it has more than 100 documents within"]);
    const source = Array.from({ length: 5001 }, (_, number) => `import "./${number}.js";`).join("");
    const read = await scriptReferences(source, base, { isModule: true, map: emptyImportMap });
    expect([read.references.length, read.trouble]).toEqual([
      5000,
      "it has more than 5000 imports, and the others were not looked at",
    ]);
  });

  test("resolveSpecifier: of scopes the longest counts, and what leads to a very long address leads nowhere", () => {
    const map = parseImportMap(
      JSON.stringify({
        imports: { a: "/top.js", "long/": `/${"x".repeat(3000)}/` },
        scopes: { "/": { a: "/root.js" }, "/dir/in/": { a: "/deep.js" }, "/dir/": { a: "/dir.js" } },
      }),
      base,
    );
    const at = (name: string, from: string) =>
      map && resolveSpecifier(name, `https://site.example${from}`, map)?.replace("https://site.example", "");
    expect([at("a", "/dir/in/x.js"), at("a", "/dir/x.js"), at("a", "/x.js")]).toEqual([
      "/deep.js",
      "/dir.js",
      "/root.js",
    ]);
    expect(map && resolveSpecifier("a", "https://other.example/", map)).toBe("https://site.example/top.js");
    expect(at("long/a.js", "/x.js")).toBeUndefined();
  });

  test("scriptReferences: imports that are written out, resolved by the maps of the page", async () => {
    const map = parseImportMap(
      '{"imports":{"lib":"/lib.js","kit/":"/kit/","off":null},"scopes":{"/dir/":{"lib":"/own.js"}},"integrity":{"/own.js":"sha256-x"}}',
      base,
    );
    const source = `import a from "lib"; export * from "kit/b.js"; import("./c.js"); import(d); import(\`./e-\${f}.js\`); import "off"; import "nobody"; import j from "./k.json" with { type: "json" };`;
    const found = await scriptReferences(source, base, { isModule: true, map: map ?? emptyImportMap });
    expect(found.references.map(({ importType, integrity, url }) => [url.slice(20), integrity ?? importType])).toEqual([
      ["/own.js", "sha256-x"],
      ["/kit/b.js", undefined],
      ["/dir/c.js", undefined],
      ["/dir/k.json", "json"],
    ]);
    expect(found.unknown).toEqual(["off", "nobody"]);
    expect(await scriptReferences("import {", base, { isModule: true, map: emptyImportMap })).toMatchObject({
      trouble: expect.any(String),
    });
    expect(await scriptReferences("if (a) <!-- import(x", base, { isModule: false, map: emptyImportMap })).toEqual({
      references: [],
      unknown: [],
    });
  });

  test("scriptReferences and maps: never throw", async () => {
    const pieces = [
      "import ",
      "export * from ",
      '"a"',
      "'./b'",
      "import(",
      ")",
      "`",
      "${",
      "}",
      "/*",
      "//",
      "/re/",
      " with {type:'json'}",
      ";",
      "\n",
    ];
    await fc.assert(
      fc.asyncProperty(nearly(pieces), fc.boolean(), async (source, isModule) =>
        Array.isArray((await scriptReferences(source, base, { isModule, map: emptyImportMap })).references),
      ),
    );
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, name) => {
        const read = parseImportMap(json, base);
        return typeof (read ? resolveSpecifier(name, base, read) : "") !== "number";
      }),
    );
  });
});

describe("the rest", () => {
  test("parseSitemap: pages and further sitemaps, whatever stands around them; entities of its own swell nothing", () => {
    const xml = `<?xml version="1.0"?><s:urlset xmlns:s="x"><s:url><s:loc> https://a.example/?x=1&amp;y=2 </s:loc><image:image xmlns:image="y"><image:loc>never</image:loc></image:image></s:url></s:urlset>`;
    expect(parseSitemap(Buffer.from(xml), 1e6)).toEqual({ pages: ["https://a.example/?x=1&y=2"], sitemaps: [] });
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>https://a.example/</loc></url><url><loc>&b;</loc></url></urlset>`;
    expect(parseSitemap(Buffer.from(bomb), 1e6)).toMatchObject({
      pages: ["https://a.example/"],
      trouble: expect.stringContaining("entity"),
    });
    expect(parseSitemap(Bun.gzipSync(new Uint8Array(1e7)), 1e6).trouble).toStartWith("it cannot be unpacked");
    expect(parseSitemap(Buffer.from("https://a.example/\nnothing\r\nhttp://b.example/"), 1e6).pages).toHaveLength(2);
  });

  test("parseSitemap, parseLinkHeader, manifestReferences: never throw", () => {
    const xml = nearly([
      "<urlset>",
      "<url>",
      "<loc>",
      "</loc>",
      "</url>",
      "&amp;",
      "&x;",
      "<![CDATA[",
      "]]>",
      "<!DOCTYPE",
      "<?",
      "?>",
      "<a b='",
    ]);
    fc.assert(fc.property(xml, (text) => Array.isArray(parseSitemap(Buffer.from(text), 1e6).pages)));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => Array.isArray(parseSitemap(bytes, 1e6).pages)));
    fc.assert(
      fc.property(nearly(["<", ">", ";", "rel", "=", '"', "\\", ","]), (text) => Array.isArray(parseLinkHeader(text))),
    );
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => manifestReferences(text, base) !== null));
    expect(
      manifestReferences('{"icons":[{"src":"a.png"},{"src":5},7],"shortcuts":[{"icons":[{"src":"b.png"}]}]}', base),
    ).toHaveLength(2);
  });

  test("parseLinkHeader: several links, quoted and plain parameters, commas in addresses", () => {
    const links = parseLinkHeader(
      '</a,b.css>; rel="style\\"sheet"; title="x, y", <c>;rel=preload;as=font;crossorigin , </d>',
    );
    expect(links.map(({ parameters, url }) => [url, Object.fromEntries(parameters)])).toEqual([
      ["/a,b.css", { rel: 'style"sheet', title: "x, y" }],
      ["c", { rel: "preload", as: "font", crossorigin: "" }],
      ["/d", {}],
    ]);
  });

  test("resolve: what is in the page already is nothing to fetch; what is no address is told of", () => {
    for (const text of ["", "  ", "#a", "data:,x", "BLOB:x", " javascript:x", "about:blank", "mailto:a@b"])
      expect(resolve(text, base)).toBeUndefined();
    expect([resolve(" a\n.png ", base), resolve("http://[", base)]).toEqual([
      "https://site.example/dir/a.png",
      "http://[",
    ]);
    expect(shownUrl("https://user:pass@site.example/a@b")).toBe("https://***@site.example/a@b");
    fc.assert(fc.property(fc.string(), (text) => typeof resolve(text, base) !== "number"));
  });
});
