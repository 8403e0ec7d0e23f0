/** Ranges against a naive model, and whole answers through a real server. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { parseRange, rangeResponse, type RangeSource } from "./range.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-range-"));
const text = "0123456789abcdefghij";
writeFileSync(join(folder, "twenty"), text);
writeFileSync(join(folder, "empty"), "");

function sourceOf(
  path: string,
  body: RangeSource["body"] = (start, end) => Bun.file(join(folder, path)).slice(start, end),
) {
  return {
    sizeBytes: path === "empty" ? 0 : text.length,
    contentType: "application/octet",
    etag: '"k"',
    headers: { "Cache-Control": "public, immutable" },
    body,
  };
}
const bodies: Record<string, RangeSource["body"]> = {
  "/whole-file": (start, end) =>
    start === 0 && end === text.length
      ? Bun.file(join(folder, "twenty"))
      : Bun.file(join(folder, "twenty")).slice(start, end),
  "/memory": (start, end) => new TextEncoder().encode(text.slice(start, end)),
  "/stream": (start, end) => new Response(new TextEncoder().encode(text.slice(start, end))).body ?? "",
  "/text": (start, end) => Promise.resolve(text.slice(start, end)),
};
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const { pathname } = new URL(request.url);
    return rangeResponse(
      request,
      pathname in bodies ? sourceOf("twenty", bodies[pathname]) : sourceOf(pathname.slice(1)),
    );
  },
});
afterAll(async () => {
  await server.stop(true);
  rmSync(folder, { recursive: true });
});

async function ask(path: string, headers: Record<string, string>, method = "GET") {
  const response = await fetch(new URL(path, server.url), { method, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test("parseRange: cases of the RFC", () => {
  const shown = (header: string, size = 20) => {
    const result = parseRange(header, size);
    return result.kind === "spans" ? result.spans.map(({ start, end }) => `${start}-${end}`).join(" ") : result.kind;
  };
  expect(shown("bytes=0-0")).toBe("0-1");
  expect(shown("bytes=5-")).toBe("5-20");
  expect(shown("bytes=-5")).toBe("15-20");
  expect(shown("bytes=-50")).toBe("0-20");
  expect(shown("bytes=10-99999999999999999999999")).toBe("10-20");
  expect(shown("bytes=0-1,4-5, 7-8")).toBe("0-2 4-6 7-9");
  expect(shown("bytes=0-1,30-40")).toBe("0-2");
  expect(shown("bytes= 1 - 2")).toBe("1-3");
  expect(shown("bytes=20-")).toBe("unsatisfiable");
  expect(shown("bytes=-0")).toBe("unsatisfiable");
  expect(shown("bytes=5-4")).toBe("unsatisfiable");
  expect(shown("bytes=a-b")).toBe("unsatisfiable");
  expect(shown("bytes=+1-2")).toBe("unsatisfiable");
  expect(shown("bytes=1-2-3")).toBe("unsatisfiable");
  expect(shown("bytes=-")).toBe("unsatisfiable");
  expect(shown("bytes=")).toBe("whole");
  expect(shown("bytes=0-,0-")).toBe("whole");
  expect(shown("lines=1-2")).toBe("whole");
  expect(shown("bytes 1-2")).toBe("whole");
  expect(shown("bytes=0-5", 0)).toBe("whole");
  expect(shown(`bytes=${"0-0,".repeat(33)}`)).toBe("whole");
});

test("parseRange: agrees with a model that marks bytes one by one", () => {
  const spec = fc.oneof(
    fc.tuple(fc.nat(30), fc.nat(30)).map(([from, length]) => `${from}-${from + length}`),
    fc.nat(30).map((from) => `${from}-`),
    fc.nat(30).map((length) => `-${length}`),
  );
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 25 }), (specs, size) => {
      const wanted = specs
        .map((spec) => {
          const [from = "", to = ""] = spec.split("-");
          return Array.from({ length: size }, (_, at) => at).filter((at) => {
            if (from === "") return at >= size - Number(to);
            return at >= Number(from) && (to === "" || at <= Number(to));
          });
        })
        .filter((bytes) => bytes.length > 0);
      const result = parseRange(`bytes=${specs.join(",")}`, size);
      if (wanted.length === 0) expect(result.kind).toBe("unsatisfiable");
      else if (wanted.flat().length > size) expect(result.kind).toBe("whole");
      else {
        expect(result).toEqual({
          kind: "spans",
          spans: wanted.map((bytes) => ({ start: bytes[0] ?? 0, end: (bytes.at(-1) ?? 0) + 1 })) as [
            { start: number; end: number },
          ],
        });
      }
    }),
  );
});

test("parseRange: arbitrary headers give spans inside the resource or none", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9,\- ]{0,30}$/)), fc.nat(1000), (header, size) => {
      const result = parseRange(header, size);
      if (result.kind !== "spans") return;
      for (const { start, end } of result.spans) expect(0 <= start && start < end && end <= size).toBe(true);
    }),
  );
});

for (const path of ["/twenty", ...Object.keys(bodies)]) {
  test(`rangeResponse: whole, part, several parts and none of ${path}`, async () => {
    const whole = await ask(path, {});
    expect([whole.status, whole.text, whole.headers.get("content-length")]).toEqual([200, text, "20"]);
    expect(whole.headers.get("content-type")).toBe("application/octet");
    expect(whole.headers.get("etag")).toBe('"k"');
    expect(whole.headers.get("cache-control")).toBe("public, immutable");
    expect(whole.headers.get("accept-ranges")).toBe("bytes");
    expect(whole.headers.get("content-disposition")).toBe("inline");

    const part = await ask(path, { range: "bytes=2-4" });
    expect([part.status, part.text, part.headers.get("content-range")]).toEqual([206, "234", "bytes 2-4/20"]);
    expect(part.headers.get("content-length")).toBe("3");

    const stale = await ask(path, { range: "bytes=2-4", "if-range": '"old"' });
    expect([stale.status, stale.text, stale.headers.get("content-range")]).toEqual([200, text, null]);
    expect(stale.headers.get("content-length")).toBe("20");

    const several = await ask(path, { range: "bytes=0-1,-2" });
    expect(several.status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(several.headers.get("content-type") ?? "")?.[1];
    const opening = (range: string) =>
      `--${boundary}\r\nContent-Type: application/octet\r\nContent-Range: bytes ${range}/20\r\n\r\n`;
    expect(several.text).toBe(`${opening("0-1")}01\r\n${opening("18-19")}ij\r\n--${boundary}--\r\n`);

    const none = await ask(path, { range: "bytes=20-" });
    expect([none.status, none.headers.get("content-range")]).toEqual([416, "bytes */20"]);
    expect(none.headers.get("etag")).toBeNull();
  });
}

test("rangeResponse: 304 and 412 carry no body and no type", async () => {
  const same = await ask("/twenty", { "if-none-match": '"k"' });
  expect([same.status, same.text, same.headers.get("content-type"), same.headers.get("etag")]).toEqual([
    304,
    "",
    null,
    '"k"',
  ]);
  const failed = await ask("/twenty", { "if-match": '"other"' });
  expect([failed.status, failed.headers.get("etag")]).toEqual([412, null]);
});

test("rangeResponse: the length of several parts is counted before they are read", async () => {
  const headers = new Headers({ range: "bytes=0-1,-2" });
  const response = await rangeResponse({ method: "GET", headers }, sourceOf("twenty"));
  expect(response.headers.get("content-length")).toBe(String((await response.text()).length));
});

test("rangeResponse: HEAD says what GET would, without asking for bytes", async () => {
  const whole = await ask("/memory", {}, "HEAD");
  expect([whole.status, whole.text, whole.headers.get("content-length")]).toEqual([200, "", "20"]);
  const part = await ask("/stream", { range: "bytes=2-4" }, "HEAD");
  expect([part.status, part.headers.get("content-length"), part.headers.get("content-range")]).toEqual([
    206,
    "3",
    "bytes 2-4/20",
  ]);
  const response = await rangeResponse(
    { method: "HEAD", headers: new Headers() },
    sourceOf("twenty", () => {
      throw new Error("A HEAD asked for bytes");
    }),
  );
  expect(response.body).toBeNull();
});

test("rangeResponse: an empty resource is 200 whatever range is asked", async () => {
  const answer = await ask("/empty", { range: "bytes=0-10" });
  expect([answer.status, answer.text, answer.headers.get("content-length")]).toEqual([200, "", "0"]);
});

test("rangeResponse: curl continues a download", async () => {
  writeFileSync(join(folder, "partial"), text.slice(0, 7));
  const curl = Bun.spawn([
    "curl",
    "-sS",
    "-C",
    "-",
    "-o",
    join(folder, "partial"),
    new URL("/twenty", server.url).href,
  ]);
  expect(await curl.exited).toBe(0);
  expect(await Bun.file(join(folder, "partial")).text()).toBe(text);
});
