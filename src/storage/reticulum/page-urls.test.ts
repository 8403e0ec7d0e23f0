/** Which URLs pages show: plain where everybody may ask, signed for a while or for good elsewhere; and placeholders as pictures. */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";
import sharp from "sharp";

import { PageUrls } from "./page-urls.ts";
import { blurHashPicture, thumbHashPicture } from "./placeholder.ts";
import { checkSignature } from "./signing.ts";

const hash = "c1986af3c26609b8b7d8933f99c51c1a89e9ea6b";
const square = { kind: "square", side: 100 } as const;
const box = { kind: "box", width: 200 } as const;
const now = 1_800_000_000_000;
const keys = ["the newer key of this test", "the older key of this test"];

function verdictOf(url: string, at = now) {
  const [path = "", query = ""] = url.slice("/reticulum".length).split("?");
  return checkSignature(path, query, keys, at);
}

describe("PageUrls", () => {
  test("open: plain, with what was asked for", () => {
    const urls = new PageUrls({ urls: "open", sizes: new Set(), signingKeys: keys }, "/reticulum");
    const wanted = { hash, spec: square, filename: "a.png" };
    expect(urls.shown(wanted, now)).toBe(`/reticulum/image/${hash}/100s/a.png`);
    expect(urls.lasting({ ...wanted, pixelRatio: 2, version: "0.5-0.25" })).toBe(
      `/reticulum/image/${hash}/100s/a.png?dpr=2&v=0.5-0.25`,
    );
  });

  test("signed: shown for one to two hours, the same within one; copied for good", () => {
    const urls = new PageUrls({ urls: "signed", sizes: new Set(), signingKeys: keys }, "/reticulum");
    const wanted = { hash, spec: square, filename: "a.png", pixelRatio: 2, version: "1" };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (at) => {
        const verdict = verdictOf(urls.shown(wanted, at), at);
        if (verdict.state !== "good" || verdict.expiresAt === undefined) throw new Error(verdict.state);
        expect(verdict.expiresAt - at).toBeGreaterThanOrEqual(3_600_000);
        expect(verdict.expiresAt - at).toBeLessThanOrEqual(7_200_000);
      }),
    );
    expect(urls.shown(wanted, now + 1)).toBe(urls.shown(wanted, now + 3_599_999));
    expect(verdictOf(urls.lasting(wanted))).toEqual({ state: "good" });
    expect([urls.isFree(square), urls.canShow(square)]).toEqual([false, true]);
  });

  test("listed: those on the list are plain; the others are signed where there is a key, and not shown where there is none", () => {
    const rules = { urls: "listed", sizes: new Set(["100s", "full"]) } as const;
    const keyed = new PageUrls({ ...rules, signingKeys: keys }, "/reticulum");
    const keyless = new PageUrls({ ...rules, signingKeys: [] }, "/reticulum");
    expect(keyed.shown({ hash, spec: square, filename: "a.png" }, now)).not.toContain("?");
    expect(verdictOf(keyed.shown({ hash, spec: box, filename: "a.png" }, now)).state).toBe("good");
    expect([keyless.canShow(square), keyless.canShow(box), keyless.listed().length]).toEqual([true, false, 2]);
  });
});

describe("placeholders", () => {
  const bytesOf = (url: string | undefined) => Buffer.from((url ?? "").replace("data:image/png;base64,", ""), "base64");

  test("thumbHashPicture, blurHashPicture: small pictures in the proportions of the image", async () => {
    const thumb = await sharp(bytesOf(thumbHashPicture("1QcSHQRnh493V4dIh4eXh1h4kJUI"))).metadata();
    expect([thumb.format, Math.max(thumb.width, thumb.height)]).toEqual(["png", 32]);
    const blur = bytesOf(blurHashPicture("LEHV6nWB2yk8pyo0adR*.7kCMdnj", { width: 400, height: 300 }));
    const { format, height, width } = await sharp(blur).metadata();
    expect([format, width, height]).toEqual(["png", 32, 24]);
  });

  test("thumbHashPicture, blurHashPicture: what is none gives none, and nothing throws", () => {
    expect(thumbHashPicture("")).toBeUndefined();
    expect(blurHashPicture("nonsense", { width: 1, height: 1 })).toBeUndefined();
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 10_000 }),
        (text, w, h) => {
          thumbHashPicture(text);
          blurHashPicture(text, { width: w, height: h });
        },
      ),
    );
  });
});
