/** Reading the words around a part, as browsers, curl and Go write them. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { Fault } from "../fault.ts";
import { paced } from "../testing/pace.ts";
import { boundaryOf, parseHeaderValue, parsePartHead } from "./part-head.ts";

function codeOf(work: () => unknown): string {
  try {
    return `no fault: ${JSON.stringify(work())}`;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
}

function fileHead(disposition: string, ...more: string[]) {
  return parsePartHead([`Content-Disposition: form-data; ${disposition}`, ...more].join("\r\n"));
}

test("parsePartHead: names as their writers meant them", () => {
  const named = (disposition: string) => fileHead(disposition).filename;
  expect(named('name="file"; filename="hare.jpg"')).toBe("hare.jpg");
  expect(named("name=file; filename=hare.jpg")).toBe("hare.jpg");
  expect(named('name="file"')).toBeUndefined();
  expect(named('name="file"; filename=""')).toBe("");
  expect(named('name="file"; filename="a;b=c.txt"')).toBe("a;b=c.txt");
  expect(named('name="file"; filename="say \\"hi\\".txt"')).toBe('say "hi".txt');
  expect(named('name="file"; filename="say %22hi%22%0D%0A.txt"')).toBe('say "hi"\r\n.txt');
  expect(named('name="file"; filename="C:\\dev\\hare.jpg"')).toBe("hare.jpg");
  expect(named('name="file"; filename="../../etc/passwd"')).toBe("passwd");
  expect(named('name="file"; filename="Hase_ü.jpg"')).toBe("Hase_ü.jpg");
  expect(named('name="file"; filename="x"; filename*=UTF-8\'\'H%C3%A4schen%20%E2%82%AC.jpg')).toBe("Häschen €.jpg");
  expect(named('name="file"; filename="x"; filename*=koi8-r\'\'%C3')).toBe("x");
  expect(fileHead('name="a%22b"').name).toBe('a"b');
});

test("parsePartHead: the type is the one given or the default of its kind", () => {
  expect(fileHead('name="a"; filename="b"', "Content-Type: image/png").contentType).toBe("image/png");
  expect(fileHead('name="a"; filename="b"').contentType).toBe("application/octet-stream");
  expect(fileHead('name="a"').contentType).toBe("text/plain");
  expect(fileHead('name="a"', "content-TYPE:  text/x;\r\n charset=y").contentType).toBe("text/x; charset=y");
});

test("parsePartHead: what is no part of a form is refused", () => {
  for (const head of [
    "",
    "Content-Type: text/plain",
    "Content-Disposition: attachment; name=a",
    "Content-Disposition: form-data",
    'Content-Disposition: form-data; name=""',
    'Content-Disposition: form-data; name="a',
    'Content-Disposition: form-data; name="a"; name="b"',
    'Content-Disposition: form-data; name="a"\r\nnonsense',
    'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
  ]) {
    expect(codeOf(() => parsePartHead(head))).toBe("http/multipart-malformed");
  }
});

test("boundaryOf: takes what clients send and refuses the rest by name", () => {
  expect(boundaryOf("multipart/form-data; boundary=----WebKitFormBoundaryX")).toBe("----WebKitFormBoundaryX");
  expect(boundaryOf('Multipart/Form-Data; charset=utf-8; Boundary="a b:c"')).toBe("a b:c");
  expect(codeOf(() => boundaryOf(null))).toBe("http/not-multipart");
  expect(codeOf(() => boundaryOf("application/json"))).toBe("http/not-multipart");
  expect(codeOf(() => boundaryOf("multipart/form-datax; boundary=a"))).toBe("http/not-multipart");
  expect(codeOf(() => boundaryOf("multipart/form-data"))).toBe("http/boundary-missing");
  expect(codeOf(() => boundaryOf("multipart/form-data; boundary="))).toBe("http/boundary-missing");
  expect(codeOf(() => boundaryOf('multipart/form-data; boundary="a'))).toBe("http/boundary-missing");
  expect(codeOf(() => boundaryOf(`multipart/form-data; boundary=${"a".repeat(71)}`))).toBe("http/boundary-missing");
});

test("parseHeaderValue, parsePartHead: arbitrary text gives a value or a Fault, in little time", async () => {
  const nasty = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[ -~]{0,60}$/),
    fc.stringMatching(/^a(; ?[ab"\\;= ]{0,9}){0,9}$/),
  );
  fc.assert(
    fc.property(nasty, (text) => {
      parseHeaderValue(text);
      codeOf(() => parsePartHead(text));
      codeOf(() => parsePartHead(`Content-Disposition: form-data; ${text}`));
      codeOf(() => boundaryOf(text));
    }),
  );
  const { costMs } = await paced(() => {
    parseHeaderValue(`a${"; ".repeat(8000)}"`);
    parseHeaderValue(`a;b="${"\\".repeat(16_001)}`);
    parseHeaderValue(`a;${"b".repeat(16_000)}`);
    parseHeaderValue(`a;${" ".repeat(16_000)}x`);
  });
  expect(costMs).toBeLessThan(2000);
});
