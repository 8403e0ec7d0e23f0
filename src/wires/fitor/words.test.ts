/** Names and texts on their way: what may be believed of a line in the channel. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { foldName } from "../../lib/irc/isupport.ts";
import { anyCase, cleanNick, formatContent, readContent, relayedLines, shownNick, silenced } from "./words.ts";

const seed = 20_261_122;

describe("readContent", () => {
  test("takes the predecessor's form, leaves out what is absent, and refuses what is none", () => {
    expect(readContent('{"message_type":"message","nick":"a","content":"b"}')).toEqual({
      type: "message",
      nick: "a",
      content: "b",
    });
    expect(readContent('{"content":"b","nick":7}')).toEqual({ type: "", nick: "", content: "b" });
    for (const other of ["", "null", "7", "[]", "{}", '{"content":7}', "not json"])
      expect(readContent(other)).toBeUndefined();
    expect(formatContent({ type: "status", nick: "a", content: 'b"' })).toBe(
      '{"message_type":"status","nick":"a","content":"b\\""}',
    );
  });

  test("any text gives words or nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const words = readContent(text);
        return words === undefined || typeof words.content === "string";
      }),
      { seed, numRuns: 2000 },
    );
  });
});

describe("cleanNick", () => {
  test("is one visible word that begins with a letter, a digit or _, and cannot end itself", () => {
    expect(cleanNick("bob")).toBe("bob");
    expect(cleanNick("  Bob the Builder ")).toBe("Bob_the_Builder");
    expect(cleanNick("[status] all is well")).toBe("_status]_all_is_well");
    expect(cleanNick("anna: I owe you; bob")).toBe("anna__I_owe_you;_bob");
    expect(cleanNick("an\u200bna\u202e")).toBe("anna");
    expect(cleanNick("ａｎｎａ")).toBe("anna");
    expect(cleanNick("\r\n")).toBe("nobody");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (nick) =>
        /^[\p{L}\p{N}_][^\s:\p{Cc}\p{Cf}]{0,31}$/u.test(cleanNick(nick)),
      ),
      { seed, numRuns: 3000 },
    );
  });

  test("shownNick: marks what somebody there holds, all, or nothing", () => {
    const isTaken = (nick: string) => nick === "anna";
    expect(shownNick("anna", { mark: "taken", isTaken })).toBe("anna/web");
    expect(shownNick("an\u200bna", { mark: "taken", isTaken })).toBe("anna/web");
    expect(shownNick("bob", { mark: "taken", isTaken })).toBe("bob");
    expect(shownNick("bob", { mark: "always", isTaken })).toBe("bob/web");
    expect(shownNick("anna", { mark: "never", isTaken })).toBe("anna");
  });
});

describe("relayedLines", () => {
  const rules = { formatting: "remove", maxLines: 3 } as const;

  test("splits at every kind of line end, drops empty lines, and says how many it left out", () => {
    expect(relayedLines("a\r\n\nb\rc\u2028d\u0085e", rules)).toEqual(["a", "b", "c", "(2 more lines)"]);
    expect(relayedLines(" \n\r\n", rules)).toEqual([]);
    expect(relayedLines("x".repeat(5000), rules)[0]).toEndWith("(3000 more characters)");
    // Of a text of megabytes, only the beginning is looked at.
    expect(relayedLines(`${"\n".repeat(200_000)}late`, rules)).toEqual(["(and much more)"]);
    expect(relayedLines(`a\n${"b\n".repeat(4 << 20)}`, rules)).toEqual(["a", "b", "b", "(and much more)"]);
  });

  test("no line holds what would end it, however formatting is treated", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 100 }),
        fc.constantFrom("remove", "marks", "keep"),
        (text, formatting) =>
          relayedLines(text, { ...rules, formatting }).every((line) => line !== "" && !/[\0\r\n]/.test(line)),
      ),
      { seed, numRuns: 2000 },
    );
  });
});

test("silenced: nicks are the same in any case, of any language, and as the server folds them", () => {
  const fold = anyCase((name) => foldName(name, "rfc1459"));
  const nicks = ["Ärger", "tom[away]", "𝒟ora", "e\u0301mil"];
  expect(silenced("ÄRGER: TOM{AWAY}, 𝒟ORA and Émil; ärgern", nicks, fold)).toBe(
    "Ä\u200bRGER: T\u200bOM{AWAY}, 𝒟\u200bORA and É\u200bmil; ärgern",
  );
  expect(silenced("e\u0301mil", nicks, fold)).toBe("e\u0301\u200bmil");
  const ascii = anyCase((name) => foldName(name, "ascii"));
  expect(silenced("tom{away}", nicks, ascii)).toBe("tom{away}");
});

test("silenced: only whole nicks are changed", () => {
  expect(silenced("Anna, annabel and bob_k: hi", ["anna", "bob_k"], (name) => name.toLowerCase())).toBe(
    "A\u200bnna, annabel and b\u200bob_k: hi",
  );
});
