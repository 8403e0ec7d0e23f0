import { expect, test } from "bun:test";
import fc from "fast-check";

import { oneLine, parseMailAddress } from "./address.ts";

test("parseMailAddress: a mailbox, with or without a name", () => {
  expect(parseMailAddress("ops@example.org")).toEqual({ name: "", address: "ops@example.org" });
  expect(parseMailAddress(' "Ops, night" <ops+x@example.org> ')).toEqual({
    name: "Ops, night",
    address: "ops+x@example.org",
  });
  expect(parseMailAddress("root@localhost")?.address).toBe("root@localhost");
  expect(parseMailAddress("käthe@bücher.example")?.address).toBe("käthe@bücher.example");
});

test("parseMailAddress: nothing that is none, or more than one", () => {
  for (const text of [
    "",
    "ops",
    "@example.org",
    "ops@",
    "a@b@c",
    "a@b, c@d",
    "a@b>\r\nRCPT TO:<c@d",
    "<a@b> c@d",
    "a b@c",
    "a@b..c",
    "a@-b",
    "a@b\u0000",
    `${"x".repeat(65)}@b`,
  ]) {
    expect([text, parseMailAddress(text)]).toEqual([text, undefined]);
  }
});

test("parseMailAddress: what comes out never holds what ends a line or a command", () => {
  const pieces = fc.array(fc.constantFrom("a", "@", "<", ">", "\r", "\n", " ", ".", ",", "\u0000", "é", '"', "-"), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(pieces, (parts) => {
      const parsed = parseMailAddress(parts.join(""));
      if (!parsed) return;
      // eslint-disable-next-line no-control-regex
      expect(`${parsed.name}${parsed.address}`).not.toMatch(/[\u0000-\u001f\u007f]/);
      expect(parsed.address).toMatch(/^[^\s<>,"]+@[^\s<>,"@]+$/);
    }),
  );
});

test("oneLine: line ends become spaces", () => {
  expect(oneLine(" a\r\nBcc: b\u2028c ")).toBe("a Bcc: b c");
});
