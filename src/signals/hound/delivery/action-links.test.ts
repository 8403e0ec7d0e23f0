import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { DeliveryQueue } from "./queue.ts";
import { type ActionLinks, alertActions, createActionLinks, linkKey } from "./action-links.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-links-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function make(key = "k".repeat(43)): { clock: ManualClock; links: ActionLinks } {
  const clock = new ManualClock();
  const words = new Set<string>();
  const spent = {
    spend: (word: string) => !words.has(word) && words.add(word).size > 0,
    isSpent: (word: string) => words.has(word),
  };
  return { clock, links: createActionLinks({ key, baseUrl: "https://w.example/hound", clock, spent }) };
}

const wordOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);
const silence = { do: "silence", standingId: "22138d2e6b:0a1b2c3d", forMs: 3_600_000 } as const;

test("links: carry what they do, act once, and end", () => {
  const { clock, links } = make();
  const url = links.make(silence, 60_000);
  expect(url).toStartWith("https://w.example/hound/act/");
  expect(links.read(wordOf(url))).toEqual({
    state: "good",
    action: silence,
    madeAt: clock.now(),
    expiresAt: clock.now() + 60_000,
  });
  // Reading spends nothing: scanners open every address.
  expect(links.read(wordOf(url)).state).toBe("good");
  expect(links.spend(wordOf(url)).state).toBe("good");
  expect(links.spend(wordOf(url))).toEqual({ state: "spent", action: silence });
  const other = wordOf(links.make({ do: "acknowledge", standingId: "22138d2e6b" }, 60_000));
  clock.advance(60_000);
  expect(links.spend(other)).toEqual({ state: "expired", action: { do: "acknowledge", standingId: "22138d2e6b" } });
});

test("links: one that has acted does not act again when the clock was set forth meanwhile, and back", () => {
  const clock = new ManualClock();
  const queue = new DeliveryQueue(":memory:");
  const links = createActionLinks({ key: "k".repeat(43), baseUrl: "https://w.example/hound", clock, spent: queue });
  const word = wordOf(links.make(silence));
  expect(links.spend(word).state).toBe("good");
  clock.jump(14 * 86_400_000);
  queue.forget(0, 5, clock.now());
  clock.jump(-14 * 86_400_000);
  expect(links.spend(word).state).toBe("spent");
  queue.close();
});

test("links: no two are alike, so that one that acted ends no other", () => {
  const { links } = make();
  expect(links.make(silence)).not.toBe(links.make(silence));
  expect(alertActions(links, "x").map(({ title }) => title)).toEqual([
    "Acknowledge",
    "Silence for an hour",
    "Silence for a day",
  ]);
});

test("links: no change of a single character is taken, nor another key's, nor anything else", () => {
  const { links } = make();
  const word = wordOf(links.make(silence));
  fc.assert(
    fc.property(fc.nat(word.length - 1), fc.constantFrom("A", "b", "_", "0", ".", ""), (at, by) => {
      const changed = word.slice(0, at) + by + word.slice(at + 1);
      // The last character of base64 may hold bits that say nothing; the text of the signature is compared all the same.
      expect(links.read(changed).state).toBe(changed === word ? "good" : "wrong");
    }),
  );
  expect(make("other".repeat(9)).links.read(word).state).toBe("wrong");
  for (const odd of ["", ".", "..", "a.b.c", `${word}.`, "x".repeat(5000)]) expect(links.read(odd).state).toBe("wrong");
});

test("linkKey: made once, readable by nobody else; one that is too short is refused", async () => {
  const path = join(folder, "links.key");
  const key = await linkKey(path);
  expect(key).toHaveLength(43);
  expect(await linkKey(path)).toBe(key);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileSync(path, "short\n");
  await expect(linkKey(path)).rejects.toThrow("too short");
});
