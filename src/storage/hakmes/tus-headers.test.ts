/** The headers of tus as values; whatever comes, a value or a Fault. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import { bytesIn, checksumIn, defersLength, parseConcat } from "./tus-headers.ts";
import { labelIn, metadataMaxLength, parseMetadata, readableMetadata } from "./tus-metadata.ts";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const sha1 = base64(new Bun.CryptoHasher("sha1").update("x").digest());

/** The code of the Fault that `attempt` throws; another failure is the test's. */
function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === "invalid") return thrown.code;
    throw thrown;
  }
  return "none";
}

test("bytesIn: a whole number of bytes or a fault", () => {
  const read = (text: string) => bytesIn(new Headers({ "Upload-Offset": text }), "upload-offset");
  expect([read("0"), read("007"), read("9007199254740991")]).toEqual([0, 7, 9_007_199_254_740_991]);
  for (const text of ["", "-1", "1.5", "1e3", "0x10", "9007199254740993", "12345678901234567", "1 2", "1,1"]) {
    expect([text, codeOf(() => read(text))]).toEqual([text, "hakmes/tus-header"]);
  }
  expect(bytesIn(new Headers(), "upload-offset")).toBeUndefined();
});

test("defersLength: only 1 says so", () => {
  expect([defersLength(new Headers()), defersLength(new Headers({ "upload-defer-length": "1" }))]).toEqual([
    false,
    true,
  ]);
  expect(codeOf(() => defersLength(new Headers({ "upload-defer-length": "0" })))).toBe("hakmes/tus-header");
});

test("checksumIn: known algorithms with digests of their length", () => {
  const read = (text: string) => checksumIn(new Headers({ "Upload-Checksum": text }));
  expect(read(`sha1 ${sha1}`)?.algorithm).toBe("sha1");
  expect(Buffer.from(read(`sha1 ${sha1}`)?.digest ?? []).toString("base64")).toBe(sha1);
  expect(codeOf(() => read(`crc32 ${sha1}`))).toBe("hakmes/tus-algorithm");
  expect(codeOf(() => read(`constructor ${sha1}`))).toBe("hakmes/tus-algorithm");
  for (const text of [sha1, `sha1  ${sha1}`, `sha1 ${sha1}=`, `sha256 ${sha1}`, "sha1 ", `sha1 ${sha1.slice(1)}`]) {
    expect([text, codeOf(() => read(text))]).toEqual([text, "hakmes/tus-header"]);
  }
});

test("parseConcat: the ids of parts come from the ends of their URLs, in order", () => {
  const [one, two] = ["0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff"];
  expect(parseConcat("partial").kind).toBe("partial");
  expect(parseConcat(`final;/tus/${two} https://elsewhere.example/x/tus/${one}  ${two}`)).toMatchObject({
    kind: "final",
    partIds: [two, one, two],
  });
  for (const text of ["", "final", "final;", "final; ", "Partial", `final;/tus/${one}/..`, "final;/tus/../x"]) {
    expect([text, codeOf(() => parseConcat(text))]).toEqual([text, "hakmes/tus-header"]);
  }
  expect(codeOf(() => parseConcat(`final;${`${one} `.repeat(1001)}`))).toBe("hakmes/tus-header");
});

test("parseMetadata: names and values, bounded and strict", () => {
  const read = parseMetadata(`filename ${base64("a b.txt")}, flag,empty , type ${base64("text/plain")}`);
  expect([...read.keys()]).toEqual(["filename", "flag", "empty", "type"]);
  expect(parseMetadata("").size).toBe(0);
  for (const text of ["a !", "a YQ", "a YQ== YQ==", "a YQ==,a YQ==", ",", "ä YQ==", "a YQ==,"]) {
    expect([text, codeOf(() => parseMetadata(text))]).toEqual([text, "hakmes/tus-metadata"]);
  }
  expect(codeOf(() => parseMetadata("a".repeat(metadataMaxLength + 1)))).toBe("hakmes/tus-metadata");
  expect(codeOf(() => parseMetadata(Array.from({ length: 33 }, (_, at) => `n${at}`).join(",")))).toBe(
    "hakmes/tus-metadata",
  );
});

test("labelIn: what clients call a name and a type becomes the label, or nothing does", () => {
  const label = (entries: Record<string, string | Uint8Array>) =>
    labelIn(
      Object.entries(entries)
        .map(([name, value]) => `${name} ${base64(value)}`)
        .join(","),
    );
  expect(label({ filename: "C:\\photos\\été.JPG", filetype: "image/jpeg" })).toEqual({
    name: "été.JPG",
    extension: ".JPG",
    mimetype: "image/jpeg",
  });
  expect(label({ name: "x.tar.gz", type: "text/html\r\nX: y" })).toMatchObject({
    name: "x.tar.gz",
    extension: ".gz",
    mimetype: "application/octet-stream",
  });
  expect(label({ filename: new Uint8Array([0xff, 0xfe]) }).name).toBe("");
  expect(label({})).toEqual({ name: "", extension: "", mimetype: "application/octet-stream" });
});

const printable = fc.string({ unit: fc.constantFrom(..."abfinalsh156;,= /+AQ0.:\t") });

test("the parsers: give a value or a Fault for whatever comes", () => {
  fc.assert(
    fc.property(fc.oneof(printable, fc.string({ maxLength: 200 })), (text) => {
      codeOf(() => parseMetadata(text));
      codeOf(() => labelIn(text));
      codeOf(() => readableMetadata(text));
      codeOf(() => parseConcat(text));
      codeOf(() => parseConcat(`final;${text}`));
      const headers = headersOf(text);
      codeOf(() => bytesIn(headers, "upload-offset"));
      codeOf(() => defersLength(headers));
      codeOf(() => checksumIn(headers));
    }),
    { numRuns: 500 },
  );
});

test("parseMetadata: reads back what a client writes", () => {
  const names = fc.stringMatching(/^[\x21-\x2b\x2d-\x7e]{1,20}$/);
  fc.assert(
    fc.property(fc.dictionary(names, fc.string({ unit: "grapheme", maxLength: 30 }), { maxKeys: 10 }), (entries) => {
      const header = Object.entries(entries)
        .map(([name, value]) => `${name} ${base64(value.toWellFormed())}`)
        .join(",");
      const wanted = Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, value.toWellFormed()]));
      expect(
        Object.fromEntries([...parseMetadata(header)].map(([name, value]) => [name, Buffer.from(value).toString()])),
      ).toEqual(wanted);
    }),
  );
});

/** Headers that all say `text`, as far as headers can. */
function headersOf(text: string): Headers {
  const safe = text.replace(/[^\t\x20-\x7e]/g, "?");
  return new Headers({ "Upload-Offset": safe, "Upload-Defer-Length": safe, "Upload-Checksum": safe });
}
